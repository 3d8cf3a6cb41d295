"""A plan at the terminal: plain lines of columns, for nothing heavy may be imported."""

from collections.abc import Iterator

from mixwright.errors import counted, shortened
from mixwright.jobs.plan.devices import NARROW, ON_CPU, ON_GPU, Device
from mixwright.jobs.plan.estimate import MEASURED, Estimate, Part
from mixwright.jobs.plan.plan import Plan
from mixwright.jobs.plan.prices import Prices
from mixwright.jobs.plan.work import CORPUS, FITS
from mixwright.jobs.status_lines import duration
from mixwright.study import anchoring
from mixwright.study.final_trainer import why_transformers
from mixwright.study.study import Study
from mixwright.study.swarm import reason

HEADINGS = ("", "runs", "tokens", "scored", "FLOP", "of one device", "speed")
SHOWN = 4  # names in a line
LARGE = "512 runs and 13 losses"
DONE = "nothing is left to do"
# what the time of a stage without models is made of
BESIDE = {CORPUS: ", and its text by bytes", FITS: "; fits take seconds to minutes"}


def plan_lines(plan: Plan, prices: Prices | None = None, sources: bool = False) -> Iterator[str]:
    """Yields the lines of a plan.

    Args:
        plan: the plan.
        prices: what hours of devices cost; None: nothing is said of money.
        sources: whether each line of the table of devices is quoted.
    """
    yield f"plan of {plan.study.name}: {_sentence(plan)}"
    if not plan.to_go.parts:
        return
    yield from _table(plan)
    yield f"  in all: {_whole(plan.in_all, plan.devices)}"
    if plan.in_all.parts != plan.to_go.parts:
        yield f"  to go: {_whole(plan.to_go, plan.devices)}"
    if prices:
        yield from _money(plan, prices)
    yield from _notes(plan)
    yield from _origins(plan, sources)
    if plan.guessed and plan.in_all.widths_from_table:
        yield "  which GPU trains is not known here: name it with `mixwright plan --device`"
    if plan.in_all.factor is None:
        yield (
            f"  models under {NARROW} wide were never timed on a GPU, and keep it waiting: expect"
            " many times as much"
        )


def _sentence(plan: Plan) -> str:
    """What is trained, and what is not."""
    study = plan.study
    if study.measured and plan.to_go.parts:
        return "runs that others measured; nothing is trained"
    if not plan.to_go.parts:
        return f"{DONE}; in all: {_whole(plan.in_all, plan.devices)}"
    runs = sum(len(members) for members in study.packs.values())
    trained = counted(runs, "small model")
    if study.ends_at_proposals:
        return f"{trained}, no final models"
    finals = sum(len(members) for members in study.final_packs.values())
    return f"{trained}, {counted(finals, 'final model')}"


def _table(plan: Plan) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [HEADINGS]
    for part in plan.in_all.parts:
        rows.append(_row(part))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        for cell, width in zip(row[1:-1], widths[1:-1], strict=True):
            cells.append(cell.rjust(width))
        cells.append(row[-1])
        yield f"  {'  '.join(cells)}".rstrip()


def _row(part: Part) -> tuple[str, ...]:
    work = part.work
    if part.stage in (CORPUS, FITS):
        words = counted(sum(work.jobs.values()), "job")
        if "make_datasets" not in work.jobs:
            # tables with labels have no text
            words += BESIDE[part.stage]
        return (part.stage, "", "", "", "", short_time(part.hours), words)
    return (
        part.stage,
        f"{work.runs:,}",
        amount(work.tokens),
        amount(work.scored),
        amount(work.flops),
        short_time(part.hours),
        part.source,
    )


def _whole(estimate: Estimate, devices: str) -> str:
    """A sentence on all parts of an estimate."""
    hours = []
    for device, number in estimate.device_hours.items():
        noun = "core" if device.startswith("cpu") else device
        hours.append(f"{short_time(number)} of one {noun}")
    wall = estimate.wall_hours
    words = f"about {short_time(wall)} on {devices}"
    if estimate.factor is None:
        words = f"{short_time(wall)} or far more on {devices}"
    else:
        low = short_time(wall / estimate.factor)
        high = short_time(wall * estimate.factor)
        words += f" ({low} to {high})"
    words += f"; {', '.join(hours)}"
    if estimate.flops:
        words += f"; {amount(estimate.flops)}FLOP"
    return words


def _money(plan: Plan, prices: Prices) -> Iterator[str]:
    total = prices.cost(plan.in_all.device_hours)
    left = prices.cost(plan.to_go.device_hours)
    line = f"  costs about {prices.words(total)}"
    if plan.in_all.factor is None:
        line = f"  costs {prices.words(total)} or far more"
    if left < total:
        line += f", of which {prices.words(left)} are to go"
    unpriced = prices.unpriced(plan.in_all.device_hours)
    if unpriced:
        line += f"; without a price: {', '.join(unpriced)}"
    yield line


def _notes(plan: Plan) -> Iterator[str]:
    study = plan.study
    jobs = sum(sum(part.work.jobs.values()) for part in plan.to_go.parts)
    hardware = plan.in_all.hardware
    kind = hardware.devices["proxy"].kind
    words = f"  {counted(jobs, 'job')} to go, {hardware.numbers[kind]} at once"
    if plan.space.job_mb:
        words += f"; up to {size_text(plan.space.job_mb)} of memory each"
    words += f"; about {size_text(plan.space.disk_mb)} on disk"
    if plan.space.proxies_mb:
        words += f", {size_text(plan.space.proxies_mb)} of it weights of proxies (proxy.keep)"
    yield words
    if plan.unread:
        yield from _of_earlier(plan)
    if not study.measured and "swarm" in study.runs and reason(study.config):
        yield f"  {reason(study.config)}"
    if "transfer" in study.runs and anchoring.reason(study.config):
        yield f"  {anchoring.reason(study.config)}"
    if plan.space.unsized:
        names = shortened(plan.space.unsized, SHOWN)
        yield f"  a gigabyte of text is counted of {names}, whose size nobody knows yet"
    yield from _of_sections(plan.in_all)
    tokens = study.final.get("batch_tokens")
    if tokens and study.learner.sized:
        batch = study.final["batch"]
        yield f"  final.batch_tokens {tokens:,}: {batch} sequences a step, the nearest whole number"
    if not study.measured:
        yield from _of_trainer(study)


def _of_trainer(study: Study) -> Iterator[str]:
    """Who trains the finals, where that is not the packed trainer."""
    if study.ends_at_proposals:
        yield "  the final model is trained elsewhere: goal.tokens cost nothing here"
        return
    if not study.learner.sized or study.final["trainer"] != "auto":
        return
    reason = why_transformers(study.config)
    if reason:
        yield f"  transformers trains the finals, one after the other: {reason}"


def _of_earlier(plan: Plan) -> Iterator[str]:
    """What becomes of results that an earlier version left."""
    runs = sum(part.work.runs for part in plan.to_go.parts if part.work.section == "proxy")
    hours = sum(part.hours for part in plan.to_go.parts if part.work.section == "proxy")
    if runs:
        yield (
            "  results/store holds runs of an earlier version, without weights:"
            f" {counted(runs, 'run')} to train again ({short_time(hours)} of one device);"
            " copies of its losses/ and design/ still serve `mixwright fit`"
        )


def _of_sections(estimate: Estimate) -> Iterator[str]:
    """What is slow, or cannot run, by a setting of the study's sections `proxy` and `final`."""
    hardware = estimate.hardware
    parts = {part.work.section: part for part in estimate.parts if part.work.flops}
    for section, part in parts.items():
        device = hardware.devices[section]
        number = hardware.numbers[device.kind]
        if part.work.each > number:
            yield (
                f"  one {section} takes {part.work.each} devices at once ({section}.nodes times"
                f" {section}.processes), and {number} are counted here: say how many with --devices"
            )
        if device.kind == "cuda" and part.work.precision == "float32" and device.float32:
            times = device.peak / device.float32
            yield (
                f"  {section}.precision is float32, whose peak on {device.title} is"
                f" {times:.0f} times lower: {section}: {{precision: bfloat16}} is faster"
            )


def _origins(plan: Plan, sources: bool) -> Iterator[str]:
    """Where speeds are from; the table's lines where they are asked for."""
    tabulated: dict[str, Device] = {}
    for part in plan.in_all.parts:
        if part.work.flops and (sources or not part.measured):
            device = plan.in_all.hardware.devices[part.work.section]
            tabulated[device.name] = device
    if not plan.in_all.flops:
        yield _of_tables(plan.study)
    if not tabulated:
        return
    if not sources:
        factor = plan.in_all.factor
        if factor is None:
            yield "  speeds are from a table: `mixwright plan --sources` quotes it"
        elif factor != MEASURED:
            yield (
                f"  speeds are from a table, right to a factor of {factor:.0f};"
                " `mixwright plan --sources` quotes it"
            )
        return
    for device in tabulated.values():
        yield f"  {device.title}: {device.source}"
        if device.kind == "cpu":
            yield f"    {ON_CPU}"
        else:
            yield f"    {ON_GPU}:"
            yield from _facts()


def _of_tables(study: Study) -> str:
    """Where times are from in a study that trains no language model."""
    if study.measured and "swarm" in study.runs:
        return f"  times are those of RegMix's tables, {LARGE}: smaller ones take less"
    return "  times are those of our own studies of tables, right to a factor of 2"


def _facts() -> Iterator[str]:
    """The published times behind the share of a GPU's peak."""
    # here, for the head of a run quotes none
    from mixwright.jobs.plan.facts import FACTS

    for fact in FACTS:
        yield f"      {fact.name}: {fact.tokens_per_second:,.0f} tokens/s ({fact.source})"


def short_time(hours: float) -> str:
    """Returns hours of a device in few letters, such as `40 s`, `12 min` or `171 h`."""
    if hours >= 100:
        return f"{hours:,.0f} h"
    return duration(hours * 3600)


def amount(number: float) -> str:
    """Returns a number in few letters, such as `3.2 M` or `9.6e+16`; an empty one for none."""
    if not number:
        return ""
    for size, letter in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.0f}"


def size_text(megabytes: float) -> str:
    """Returns `120 MB` or `3.4 GB`."""
    if megabytes < 1_000:
        return f"{megabytes:.0f} MB"
    return f"{megabytes / 1024:.1f} GB"
