"""Makes `snakemake --profile slurm` work literally: Snakemake looks for profiles in the user's folder, not in the repository."""

import logging
from pathlib import Path

from platformdirs import user_config_path

from mixwright.errors import MixwrightError

log = logging.getLogger(__name__)
HOME = Path(__file__).parents[3] / "profiles"


def link_profiles(to: Path | None = None, profiles: Path = HOME) -> list[Path]:
    """Links every profile but the default into `to`; one that is there is never overwritten. Returns the new links."""
    folders = sorted(
        folder for folder in profiles.glob("*") if folder.is_dir() and folder.name != "default"
    )
    if not folders:
        raise MixwrightError(
            f"{profiles}: no profiles there; run link-profiles from a clone of the repository"
        )
    target = to or user_config_path("snakemake")
    target.mkdir(parents=True, exist_ok=True)
    return [link for folder in folders if (link := _link(folder, target / folder.name))]


def _link(folder: Path, link: Path) -> Path | None:
    if link.is_symlink() and link.resolve() == folder.resolve():
        log.info("%s: linked already", link)
    elif link.exists() or link.is_symlink():
        log.info(
            "%s: is yours, left as it is; `snakemake --profile %s` uses the one of this repository",
            link,
            folder,
        )
    else:
        link.symlink_to(folder.resolve(), target_is_directory=True)
        log.info("%s -> %s", link, folder)
        return link
    return None
