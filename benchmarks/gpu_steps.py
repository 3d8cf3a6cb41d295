"""The steps of benchmarks/gpu_check.py, each run as a process of its own.

python benchmarks/gpu_steps.py STEP --to ROWS [--dry]
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gpu_check import HOUSE, append, read_rows

from mixwright.jobs.doctor import gpu_check as library
from mixwright.jobs.doctor.gpu_check import Measured, Plan
from mixwright.proxies.speed.cases import BATCH, SHAPES

SMALL = SHAPES["tiny"] | {"width": 32, "heads": 2, "hidden": 48, "context": 32, "vocabulary": 256}
# What a dry run measures in place of the shapes: it shows that steps run, and no number.
DRY = Plan(
    device="cpu",
    cases=(("RegMix", 1), ("RegMix", 2), ("8 k vocabulary", 1), ("tiny", 2), ("tiny", 1)),
    shapes={"RegMix": SMALL, "8 k vocabulary": SMALL, "tiny": SMALL},
    calibrated=("tiny",),
    seconds=0.05,
    batch=2,
    fixed={"compile": False, "precision": "float32"},
)
# (shape, models side by side) that are timed with and without a graph
GRAPHS = (("tiny", 1), ("tiny", 64), ("RegMix", 1), ("RegMix", 4))
# logs of a study that failed, the newest, of which the ends are printed
LOGS = 4
DRY_GRAPHS = (("tiny", 1),)
LOSSES_WITHIN = 0.05  # nats/token between ways to compute a final's first steps, in bfloat16


def machine(plan: Plan) -> None:
    """The machine: card, driver, torch, CUDA, triton."""
    if plan.device == "cuda" and library.obstacle():
        sys.exit(library.obstacle())
    write({"python": sys.version.split()[0], **library.machine_facts(plan.device)})


def tests(plan: Plan) -> None:
    """All tests that are marked `gpu`."""
    marked = []
    for path in sorted((HOUSE / "tests").glob("**/test_*.py")):
        if "mark.gpu" in path.read_text():
            marked.append(str(path))
    if not marked:
        write({"tests": "none is marked gpu"})
        return
    words = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "--no-header", *marked]
    done = subprocess.run(words, cwd=HOUSE, stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    counts = re.findall(r"(\d+) (passed|failed|skipped|errors?)\b", done.stdout)
    write({"files": len(marked)} | {word: int(number) for number, word in counts})
    if done.returncode:
        sys.exit(done.returncode)


def speeds(plan: Plan) -> None:
    """The trainer's speed at each shape and number of models."""
    began = time.monotonic()
    errors = 0
    for pair in plan.cases:
        # one at a time, so that what one pack raises does not cost the others
        errors += attempt(lambda one: library.speeds(one, began), replace(plan, cases=(pair,)))
    sys.exit(min(errors, 1))


def graphs(plan: Plan) -> None:
    """The same packs with a graph of their step and kernel by kernel."""
    errors = 0
    for pair in DRY_GRAPHS if plan is DRY else GRAPHS:
        for graph in (True, False):
            errors += attempt(
                lambda one, graph=graph: [library.pack_speed(one, *one.cases[0], graph)],
                replace(plan, cases=(pair,)),
            )
    sys.exit(min(errors, 1))


def attempt(measure: Callable[[Plan], Iterable[Measured]], plan: Plan) -> int:
    """Writes the rows of a plan of one pack; an error is a row, and 1 is returned."""
    try:
        for one in measure(plan):
            write(row_of(one))
    except Exception as error:
        traceback.print_exc()
        case, members = plan.cases[0]
        reason = str(error).partition("\n")[0]
        write({"case": case, "members": members, "reason": f"{type(error).__name__}: {reason}"})
        return 1
    return 0


def rivals(plan: Plan) -> None:
    """One tiny model by a plain loop, and by transformers' Trainer."""
    import rivals as trainers

    shape = plan.shapes["tiny"]
    steps = 4 if plan is DRY else 300
    warm = 2 if plan is DRY else 20
    with tempfile.TemporaryDirectory() as folder:
        shards = trainers.write_shards(Path(folder), shape["vocabulary"])
        for name, train in (("plain loop", trainers.plain), ("HF Trainer", trainers.trainer)):
            bf16 = plan.device == "cuda"
            seconds = train(
                shape, shards, warm + steps, plan.batch, warm=warm, device=plan.device, bf16=bf16
            )
            write(
                {"case": "tiny", "rival": name, "tokens": plan.batch * shape["context"] / seconds}
            )


def calibration(plan: Plan) -> None:
    """What calibration chooses, beside the fastest pack that an earlier step measured."""
    earlier = []
    for row in read_rows(ROWS):
        if row.get("step") == "speeds" and "tokens" in row:
            earlier.append(measured_of(row))
    for one in library.calibrations(plan, earlier, time.monotonic()):
        write(asdict(one) | {"share": one.share})


def final(plan: Plan) -> None:
    """One final by transformers' Trainer: plain, with accumulation, and compiled too."""
    sys.path.insert(0, str(HOUSE / "tests" / "support"))
    from final_study import study, write_tokenizer
    from shard_files import make_shards

    variants: dict[str, dict[str, Any]] = {"plain": {}, "accumulated": {"micro_batch": 1}}
    sizes: dict[str, Any] = {}
    if plan is not DRY:
        variants["compiled, accumulated"] = {"micro_batch": 1, "compile": True}
        sizes = {"device": "cuda", "precision": "bfloat16"}
    first: list[float] = []
    for name, settings in variants.items():
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            shards = make_shards(folder / "shards")
            tokenizer = write_tokenizer(folder / "tokenizer")
            losses = train_final(shards, tokenizer, folder, study(**sizes, **settings))
        first = first or losses
        apart = max(abs(a - b) for a, b in zip(losses, first, strict=True))
        write(
            {
                "final": name,
                "first": losses[0],
                "last": losses[-1],
                "apart": apart,
                "near": apart < LOSSES_WITHIN,
                "seconds": time.monotonic() - began,
            }
        )


def train_final(shards: Any, tokenizer: Path, folder: Path, config: Any) -> list[float]:
    """Trains one final, and returns its training losses."""
    from trained_finals import curve, train

    train(shards, tokenizer, folder, config)
    losses: list[float] = curve(folder)["loss"].tolist()
    return losses


# File of the dry study -> the text of this repository whose paragraphs are its documents.
DRY_TEXTS = {
    "docs.jsonl": "docs/studies.md",
    "log.jsonl": "docs/log.md",
    "results.jsonl": "benchmarks/RESULTS.md",
}
DRY_STUDY: Mapping[str, Any] = {
    "study": "gpu-check",
    "corpus": {"sample": 60_000},
    "domains": {
        "docs": {"source": "files", "files": "docs.jsonl"},
        "log": {"source": "files", "files": "log.jsonl"},
    },
    "targets": {"results": {"source": "files", "files": "results.jsonl"}},
    "tokenizer": {"vocabulary": 512, "sample_bytes": 60_000},
    "proxy": {"model": "micro", "tokens": 2_048, "batch": 4, "per_job": 64},
    "evaluation": {"tokens": 512, "steps": 1},
    "designs": {"swarm": {"runs": 10}},
    "goal": {"tokens": 4_096, "max_epochs": None},
    "mixers": {"natural": {}},
    "finals": "none",
}


def study(plan: Plan) -> None:
    """The smoke study on the GPU, end to end; a dry run trains the proxies of a smaller one."""
    import yaml

    cores = str(os.cpu_count() or 2)
    with tempfile.TemporaryDirectory() as folder:
        config = dict(DRY_STUDY)
        last = ["--until", "train_proxies"]
        for name, source in DRY_TEXTS.items():
            paragraphs = (HOUSE / source).read_text().split("\n\n")
            lines = [json.dumps({"text": paragraph}) for paragraph in paragraphs]
            (Path(folder) / name).write_text("\n".join(lines))
        if plan is not DRY:
            config = yaml.safe_load((HOUSE / "config" / "studies" / "smoke.yaml").read_text())
            config["proxy"] |= {"device": plan.device, "per_job": 64}
            config["final"] |= {"device": plan.device}
            last = ["--resources", "gpu=1"]
        path = Path(folder) / "study.yaml"
        path.write_text(yaml.safe_dump(config))
        words = [sys.executable, "-m", "snakemake", "--snakefile", HOUSE / "Snakefile"]
        words += ["--directory", folder, "--configfile", path, "--cores", cores, *last]
        began = time.monotonic()
        done = subprocess.run(list(map(str, words)), cwd=folder)
        results = Path(folder) / "results" / config["study"]
        packs = len(list(results.glob("packs/*.parquet")))
        page = (results / "report" / "summary.html").exists()
        write({"seconds": time.monotonic() - began, "packs": packs, "page": page})
        if done.returncode:
            # the folder is removed, and jobs say there why they failed
            logs = sorted(Path(folder).glob("logs/**/*.log"), key=lambda log: log.stat().st_mtime)
            for log in logs[-LOGS:]:
                print(log.relative_to(folder), log.read_text()[-2_000:], sep="\n")
    if done.returncode:
        sys.exit(done.returncode)


def row_of(one: Measured) -> dict[str, Any]:
    """A pack as a row."""
    row: dict[str, Any] = {"case": one.case, "members": one.members, "graph": one.graph}
    if one.speed is None:
        return row | {"reason": one.reason}
    values = asdict(one.speed) | {"of peak": one.share}
    return row | {name: value for name, value in values.items() if value is not None}


def measured_of(row: Mapping[str, Any]) -> Measured:
    """The pack of a row."""
    from mixwright.proxies.speed.measure import Speed
    from mixwright.proxies.tuning import Choice

    speed = Speed(
        row["members"],
        row["tokens"],
        row["least"],
        row["greatest"],
        row["steps"],
        row.get("memory_gib"),
        row["start_seconds"],
        Choice(**row["choice"]),
    )
    return Measured(row["case"], row["members"], speed, row.get("of peak"), row["graph"])


ROWS = Path()
FUNCTIONS = {
    function.__name__: function
    for function in (machine, tests, speeds, graphs, rivals, calibration, final, study)
}


def write(row: Mapping[str, Any]) -> None:
    """Writes a row of the step that runs."""
    append(ROWS, {"step": STEP, **row})


STEP = ""


def main() -> None:
    global ROWS, STEP
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=FUNCTIONS)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    ROWS, STEP = options.to, options.step
    plan = DRY if options.dry else Plan(packs_until=100.0, calibrations_until=60.0, batch=BATCH)
    FUNCTIONS[STEP](plan)


if __name__ == "__main__":
    main()
