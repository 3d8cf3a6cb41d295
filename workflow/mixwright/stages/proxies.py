"""Stages of workflow/rules/proxies.smk: from shards and a design to losses."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mixwright import tables
from mixwright.corpus import counts
from mixwright.corpus.choices import load_choices
from mixwright.corpus.counts import train_domains
from mixwright.corpus.shards import Examples
from mixwright.designs.resolve import resolve_mixtures
from mixwright.errors import MixwrightError
from mixwright.files import alone, read_json, write_json
from mixwright.jobs.heartbeat import beating, path_of
from mixwright.jobs.lease import hold_gpu
from mixwright.mixture import Mixture, Run
from mixwright.progress import Log, say
from mixwright.proxies import listing, tuning
from mixwright.proxies.calibrated import kept_here
from mixwright.proxies.collect import collect
from mixwright.proxies.timing import seconds_of
from mixwright.study.gate import check_samples
from mixwright.study.study import Study


def count_domains(study: Path, shards: list[Path], to: Path) -> None:
    """Count the tokens, bytes and documents of every domain, and those that its source holds.

    Example:
        mixwright count-domains --study results/demo/study.json --shards results/demo/shards/*
            --to results/demo/domains.parquet
    """
    plan = Study.read(study)
    table = counts.count_domains(shards, plan.source_tokens, plan.held_out, plan.read_before)
    tables.write(table, to, tables.DOMAINS)
    for extent in counts.extents(table).values():
        say(
            f"{extent.domain}: {extent.source_tokens:,} training tokens of the source"
            f" ({extent.counted}), {extent.tokens:,} in the sample"
        )


def list_scored(
    study: Path, shards: list[Path], targets: list[Path], domains: Path, to: Path
) -> None:
    """List what proxies are scored on, with hashes, in one file for all jobs.

    Example:
        mixwright list-scored --study results/demo/study.json --shards results/demo/shards/*
            --targets results/demo/targets/*.npz --domains results/demo/domains.parquet
            --to results/demo/scored.json
    """
    scoring = Study.read(study).scoring
    write_json(to, listing.scored_list(shards, targets, domains, scoring))


def list_texts(shards: list[Path], domains: Path, to: Path) -> None:
    """List what proxies learn from, with hashes, in one file for all training jobs.

    Its hashes make it another file where a training text has changed: a small file with the same
    content reruns nothing.

    Example:
        mixwright list-texts --shards results/demo/shards/*
            --domains results/demo/domains.parquet --to results/demo/texts.json
    """
    write_json(to, listing.training_list(shards, domains))


def calibrate(study: Path, texts: Path, store: Path, to: Path) -> None:
    """Time precision, attention kernel, compiler and packing once per machine type.

    The choice is written to calibration.json and kept in the store.

    Example:
        mixwright calibrate --study results/demo/study.json --texts results/demo/texts.json
            --store results/store --to results/demo/calibration.json
    """
    plan = Study.read(study)
    proxy = plan.proxy
    listed = read_json(texts)
    if not listed["shards"]:
        raise MixwrightError(f"{texts}: no shards are listed; list the texts again")
    hold_gpu(proxy)
    manifest = read_json(Path(listed["shards"][0]) / "manifest.json")
    vocabulary = manifest["vocabulary"]
    pack_tokens = []
    for runs in plan.packs.values():
        pack_tokens.append(sum(run.tokens for run in runs))
    longest = max(pack_tokens)
    result = tuning.calibrate(
        proxy,
        vocabulary,
        longest,
        tuning.machine(proxy["device"]),
        partial(seconds_of, proxy, vocabulary),
        store / "calibrations",
    )
    write_json(to, listed | result)
    choices = result["choices"]
    for key, reason in result["reasons"].items():
        if key in choices:
            say(f"{key} {choices[key]}: {reason}")
        else:
            say(reason)


def train_proxies(
    study: Path,
    pack: str,
    texts: Path,
    scored: Path,
    store: Path,
    to: Path,
    designs: Path | None = None,
) -> None:
    """Train the runs of one pack; while their weights are in memory, all is measured.

    Example:
        mixwright train-proxies --study results/demo/study.json --pack 0123456789abcdef
            --texts results/demo/calibration.json --scored results/demo/scored.json
            --store results/store --to results/demo/packs/0123456789abcdef.parquet
    """
    plan = Study.read(study)
    listed = read_json(texts)
    runs = plan.packs[pack]
    combination = plan.combination_of(runs[0].name)
    # Jobs outlive a driver that was killed. The next driver's job of the same pack waits for them
    # here, and finds their results.
    with (
        alone(store / "checkpoints" / f"{pack}.lock"),
        beating(path_of(study.parent, pack), len(runs)) as log,
    ):
        # After the lock: a job that waits for its pack holds no device.
        hold_gpu(plan.proxy)
        if "choices" in listed:
            plan = _calibrated(plan, listed, log)
        targets = read_json(scored)["targets"]
        read = _read(plan, listed | {"targets": targets}, runs, designs)
        # By role and not by pack: a calibrated study gives its packs other names.
        trained = _settled(plan.of_role(runs[0].role, combination), listed, runs)
        train_pack = plan.learner.function("train_pack")
        train_pack(runs, *read, trained, store, to, log, **_questions(targets))


def evaluate_proxies(
    study: Path,
    batch: str,
    packs: Path,
    scored: Path,
    store: Path,
    to: Path,
    designs: Path | None = None,
) -> None:
    """Score the runs of a batch of packs on what was not scored yet, and gather all of it.

    Example:
        mixwright evaluate-proxies --study results/demo/study.json --batch 0123456789abcdef
            --packs results/demo/packs --scored results/demo/scored.json --store results/store
            --to results/demo/measured/0123456789abcdef.parquet
    """
    plan = Study.read(study)
    names = plan.batches[batch]
    runs = [plan.packs[name] for name in names]
    files = [packs / f"{name}.parquet" for name in names]
    every_run = [run for runs_of_pack in runs for run in runs_of_pack]
    listed = read_json(scored)
    read = _read(plan, listed, every_run, designs)
    questions = _questions(listed["targets"])
    combination = plan.combination_of(every_run[0].name)
    of_role = _settled(plan.of_role(every_run[0].role, combination), listed, every_run)
    evaluate_batch = plan.learner.function("evaluate_batch")
    before = partial(hold_gpu, plan.proxy)
    evaluate_batch(files, runs, *read, of_role, store, to, before=before, **questions)


def _questions(targets: Sequence[str]) -> dict[str, Any]:
    """The argument with all answers of the targets' questions, where some have them."""
    choices = load_choices(targets)
    return {"choices": choices} if choices else {}


def _settled(plan: Study, listed: Mapping[str, Any], runs: Sequence[Run]) -> Study:
    """The study of runs of one role, with `proxy.simulated_epochs: auto` answered by the counts."""
    return plan.settled(train_domains(Path(listed["domains"])), runs[0].role)


def _read(
    plan: Study, listed: Mapping[str, Any], runs: Sequence[Run], designs: Path | None
) -> tuple[dict[str, Mixture], list[Any], dict[str, Examples]]:
    """The mixtures of runs, the opened domains, and the targets' texts."""
    counted = Path(listed["domains"])
    goal = plan.goal(train_domains(counted))
    # The gate of resolve_design, which these jobs do not wait for.
    check_samples(plan, goal, counts.extents(counted))
    resolved = resolve_mixtures(runs, goal.domains, designs)
    open_domain = plan.learner.function("open_domain")
    domains = [open_domain(Path(folder)) for folder in listed["shards"]]
    if _settled(plan, listed, runs).epochs_of is not None:
        domains = counts.with_sources(domains, goal.domains)
    examples = {Path(path).stem: Examples.load(path) for path in listed["targets"]}
    return resolved, domains, examples


def collect_losses(study: Path, role: str, measured: Path, losses: Path, realised: Path) -> None:
    """Gather the losses and realised token counts of a role's batches into long tables.

    Example:
        mixwright collect-losses --study results/demo/study.json --role swarm
            --measured results/demo/measured --losses results/demo/losses/swarm.parquet
            --realised results/demo/realised/swarm.parquet
    """
    files = _batches_of(study, role, measured)
    tables.write(collect(files, "losses"), losses, tables.LOSSES)
    tables.write(collect(files, "realised"), realised, tables.REALISED)


def collect_loglikelihoods(study: Path, role: str, measured: Path, to: Path) -> None:
    """Gather the log-likelihoods of single examples of a role's batches into a long table.

    Example:
        mixwright collect-loglikelihoods --study results/demo/study.json --role vertex
            --measured results/demo/measured --to results/demo/loglikelihoods/vertex.parquet
    """
    files = _batches_of(study, role, measured)
    tables.write(collect(files, "loglikelihoods"), to, tables.LOGLIKELIHOODS)


def _calibrated(plan: Study, calibration: Mapping[str, Any], log: Log) -> Study:
    """The study with the choices of the calibration, as far as this machine can follow them."""
    machine = tuning.machine(plan.proxy["device"])
    made_on = calibration.get("machine")
    choices, lines = kept_here(calibration["choices"], calibration["asked"], machine, made_on)
    for line in lines:
        log(line)
    return plan.calibrated(choices)


def _batches_of(study: Path, role: str, folder: Path) -> list[Path]:
    """What was measured of a role; hundreds of files are too long for a command line."""
    batches = Study.read(study).batches_of([role])
    if not batches:
        raise MixwrightError(f"{study}: no run has the role {role}; no mixer of the study needs it")
    return [folder / f"{batch}.parquet" for batch in batches]
