"""Makes `snakemake --profile slurm` work by name, from any folder.

Snakemake looks for profiles in the user's folder, and not in the repository.
"""

import logging
from pathlib import Path

from platformdirs import user_config_path

from mixwright.errors import MixwrightError

log = logging.getLogger(__name__)
HOME = Path(__file__).parents[3] / "profiles"


def link_profiles(to: Path | None = None, profiles: Path = HOME) -> list[Path]:
    """Links every profile but the default; what the folder has already is never overwritten.

    Args:
        to: where the links go; None: where Snakemake looks for profiles.
        profiles: the folder of the repository's profiles.

    Returns:
        The new links.

    Raises:
        MixwrightError: there are no profiles to link.
    """
    folders = []
    for folder in sorted(profiles.glob("*")):
        if folder.is_dir() and folder.name != "default":
            folders.append(folder)
    if not folders:
        raise MixwrightError(
            f"{profiles}: no profiles there; run link-profiles from a clone of the repository"
        )
    target = to or user_config_path("snakemake")
    target.mkdir(parents=True, exist_ok=True)
    links = []
    for folder in folders:
        link = target / folder.name
        if _link(folder, link):
            links.append(link)
    return links


def _link(folder: Path, link: Path) -> bool:
    """Links a profile and says so; False where something stands there already."""
    if link.is_symlink() and link.resolve() == folder.resolve():
        log.info("%s: linked already", link)
        return False
    if link.exists() or link.is_symlink():
        log.info(
            "%s: is yours, left as it is; `snakemake --profile %s` uses the one of this repository",
            link,
            folder,
        )
        return False
    link.symlink_to(folder.resolve(), target_is_directory=True)
    log.info("%s -> %s", link, folder)
    return True
