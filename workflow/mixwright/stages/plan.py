"""The command that says what a study takes, before anyone pays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console

from mixwright.errors import MixwrightError
from mixwright.files import write_json
from mixwright.jobs.plan.accuracy import other_sentences
from mixwright.jobs.plan.alternatives import alternatives, models_of
from mixwright.jobs.plan.budget import buy, check_swarm
from mixwright.jobs.plan.lines import plan_lines
from mixwright.jobs.plan.money import read_budget
from mixwright.jobs.plan.plan import plan_of
from mixwright.jobs.plan.prices import Prices, read_prices
from mixwright.jobs.plan.purchase import as_table, promises, sentences
from mixwright.jobs.plan.record import record
from mixwright.jobs.plan.spending import Spending
from mixwright.jobs.requests import request_lines
from mixwright.report.layout import drawn
from mixwright.stages.options import NO_WORDS, NONE, Paths
from mixwright.study.config import resolve
from mixwright.study.schema import read_yaml
from mixwright.study.study import Study

if TYPE_CHECKING:
    from mixwright.trust.learning_curve import LearningCurve

# columns of a table where nobody looks
WIDE = 160
# Of the repository: the schema of a study, the shapes of models, and the demo.
CONFIG = Path(__file__).parents[3] / "config"


def plan(
    configfile: Paths = NONE,
    config: list[str] = NO_WORDS,
    study: Path | None = None,
    device: str | None = None,
    devices: int | None = None,
    prices: str | None = None,
    json: Path | None = None,
    sources: bool = False,
    budget: str | None = None,
) -> None:
    """Say what a study takes before it runs: tokens, hours, disk and money.

    It reads the study as snakemake does, and looks at what is done already. Speeds are measured
    where this machine has trained something, else from a table that --sources quotes. With --budget
    it says which swarm so much pays, the keys to write into the study, and what else is as dear.

    Example:
        mixwright plan --configfile mine.yaml --device a100 --devices 8 --prices a100=1.8
    """
    if devices is not None and devices < 1:
        raise MixwrightError(f"--devices {devices}: give a number of 1 or more")
    root = Path("results")
    if study is not None:
        wanted = Study.read(study)
        root = study.parent.parent
    else:
        wanted = study_of_files(configfile, config)
    costs = read_prices(prices) if prices else None
    spent = None
    if budget is not None:
        check_swarm(wanted)
        known = costs or Prices({})
        spent = read_budget(budget, known.hourly, known.currency)
    answer = plan_of(wanted, root, device, devices, figures=len(drawn(wanted)))
    for line in (*plan_lines(answer, costs, sources), *request_lines(wanted)):
        print(line)
    curve = _curve(wanted, root)
    if wanted.runs.get("swarm") and wanted.learner.sized:
        _say_accuracy(wanted, curve, sources)
    if spent is not None:
        _say_budget(Spending(wanted, answer.in_all.hardware, spent, len(drawn(wanted))), curve)
    if json is not None:
        write_json(json, record(answer, costs))


def _say_accuracy(study: Study, curve: "LearningCurve | None", sources: bool) -> None:
    """Prints what the runs of a study promise, and what they promise it by."""
    domains = len(study.domains)
    runs = len(study.runs["swarm"])
    are_drawn = study.config["designs"]["swarm"]["runs"] > 0
    lines = promises(domains, runs, curve, are_drawn)
    if sources and are_drawn:
        lines += other_sentences(domains, runs)
    for line in lines:
        print(fill(line, WIDE - 1, initial_indent="  ", subsequent_indent="    "))


def _say_budget(spending: Spending, curve: "LearningCurve | None") -> None:
    """Prints what a budget buys, the keys of the study, and what else is as dear."""
    models = models_of(spending.study, CONFIG / "models")
    bought = buy(spending, models)
    for line in sentences(spending, bought, curve):
        print(line)
    print("write into the study:")
    for line in bought.swarm.keys(spending.study):
        print(f"  {line}")
    others = alternatives(spending, bought, models)
    console = Console(highlight=False)
    if not console.is_terminal:
        # A file has no width that lines must fit.
        console = Console(highlight=False, width=WIDE)
    console.print(as_table(spending, bought, others))


def _curve(study: Study, root: Path) -> "LearningCurve | None":
    """The learning curve of the study's finished swarm; None where there is none, or it is short.

    What reads and fits runs is imported here: a plan without finished runs needs none of it.
    """
    from mixwright.measured.loss_tables import read_observations
    from mixwright.trust.learning_curve import learning_curve

    folder = root / study.name
    losses = folder / "losses" / "swarm.parquet"
    design = folder / "design" / "swarm.parquet"
    if not (losses.is_file() and design.is_file()):
        return None
    try:
        runs = read_observations([design], [losses], diverged="drop", chosen=study.chosen)
        return learning_curve("effective-data", {}, runs, study.target_weights)
    except MixwrightError:
        # too few of them, or another version's
        return None


def study_of_files(files: Sequence[Path], settings: Sequence[str]) -> Study:
    """The study of config files and of settings, each over those before it, as in snakemake."""
    if not (CONFIG / "schema.yaml").is_file():
        raise MixwrightError(
            f"{CONFIG}: no schema of studies there; run plan from a clone of the repository,"
            " or give --study results/NAME/study.json"
        )
    # the demo, where neither a file nor a setting names a study
    if not files and not any(setting.startswith("study=") for setting in settings):
        files = [CONFIG / "config.yaml"]
    config: dict[str, Any] = {}
    for file in files:
        if not file.is_file():
            raise MixwrightError(f"--configfile {file}: no such file; name the study's YAML file")
        config = _merged(config, read_yaml(file))
    for setting in settings:
        key, is_set, value = setting.partition("=")
        if not is_set:
            raise MixwrightError(f"--config {setting}: write KEY=VALUE")
        config = _merged(config, {key: yaml.safe_load(value)})
    return Study(resolve(config, CONFIG, files))


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """One config over another: sections are merged, all else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        earlier = merged.get(key)
        if isinstance(value, Mapping) and isinstance(earlier, Mapping):
            value = _merged(earlier, value)
        merged[key] = value
    return merged
