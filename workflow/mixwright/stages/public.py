"""Stage of workflow/rules/public.smk: files that others published."""

from pathlib import Path


def fetch(study: Path, file: str, to: Path) -> None:
    """Fetch a public file of the study, or take it from the folder $MIXWRIGHT_MIRROR; its SHA-256 is checked."""
    from mixwright.sources.public import fetch
    from mixwright.study.study import Study

    asked = Study.read(study)
    name = asked.public_name(file)
    fetch(name, asked.config["public"][name], to)
