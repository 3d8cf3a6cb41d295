"""The command that says what a study takes, before anyone pays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mixwright.errors import MixwrightError
from mixwright.files import write_json
from mixwright.jobs.plan.lines import plan_lines
from mixwright.jobs.plan.plan import plan_of
from mixwright.jobs.plan.prices import read_prices
from mixwright.jobs.plan.record import record
from mixwright.report.layout import drawn
from mixwright.stages.options import NO_WORDS, NONE, Paths
from mixwright.study.config import resolve
from mixwright.study.schema import read_yaml
from mixwright.study.study import Study

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
) -> None:
    """Say what a study takes before it runs: tokens, hours, disk and money.

    It reads the study as snakemake does, and looks at what is done already. Speeds are measured
    where this machine has trained something, else from a table that --sources quotes.

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
        wanted = _of_files(configfile, config)
    costs = read_prices(prices) if prices else None
    answer = plan_of(wanted, root, device, devices, figures=len(drawn(wanted)))
    for line in plan_lines(answer, costs, sources):
        print(line)
    if json is not None:
        write_json(json, record(answer, costs))


def _of_files(files: Sequence[Path], settings: Sequence[str]) -> Study:
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
