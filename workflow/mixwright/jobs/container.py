"""Whether this process is in a container, and whether a folder of it is shared with others."""

import os
from collections.abc import Mapping
from pathlib import Path

# files that Docker and Podman leave in each container
MARKS = (".dockerenv", "run/.containerenv")
# words in the group of a container's first process
GROUPS = ("docker", "kubepods", "containerd", "libpod", "lxc")
# set by Podman and systemd; Apptainer is left out, for it shares /tmp
VARIABLES = ("container",)


def in_container(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> bool:
    """Returns whether this process runs in a container.

    Args:
        root: of the file system.
        environment: the variables.
    """
    if any((root / mark).exists() for mark in MARKS):
        return True
    if any(name in environment for name in VARIABLES):
        return True
    groups = root / "proc/1/cgroup"
    if not groups.exists():
        return False
    text = groups.read_text(errors="replace")
    return any(word in text for word in GROUPS)


def is_mounted(folder: Path) -> bool:
    """Returns whether a folder lies on another file system than the container's root does.

    One that is mounted may be shared with other containers; one on the root is not.
    """
    return folder.stat().st_dev != Path("/").stat().st_dev
