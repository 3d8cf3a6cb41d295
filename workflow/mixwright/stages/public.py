"""Stage of workflow/rules/public.smk: files that others published."""

from pathlib import Path

from mixwright.sources.public import fetch
from mixwright.study.study import Study


def fetch_public(study: Path, file: str, to: Path) -> None:
    """Fetch a public file of the study, or copy it from $MIXWRIGHT_MIRROR, and check its SHA-256.

    Example:
        mixwright fetch-public --study results/regmix_pile/study.json --file train_mixture_1m.csv
            --to results/regmix_pile/public/train_mixture_1m.csv
    """
    plan = Study.read(study)
    name = plan.public_name(file)
    fetch(name, plan.config["public"][name], to)
