"""How the members of a job are cut into waves, which train side by side and are saved as one."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mixwright.mixture import digest
from mixwright.proxies.checkpoint import Checkpoint, Clock
from mixwright.proxies.wave import Member, Settings


def waves(members: Sequence[Member], settings: Settings) -> Iterator[tuple[str, list[Member]]]:
    """Yields each wave's name, of its members' keys, and its members.

    They are cut from the full list, the longest members first and like lengths side by side, so
    that a checkpoint has the same name in a retry in which some members are stored already.
    """
    longest_first = sorted(members, key=lambda member: -member.steps)
    for start in range(0, len(longest_first), settings.wave):
        wave = longest_first[start : start + settings.wave]
        yield digest([member.key for member in wave]), wave


def remove_checkpoints(members: Sequence[Member], settings: Settings, folder: Path) -> None:
    """Removes the checkpoints of members that are all stored.

    Such checkpoints are there where a job was killed, and another job has trained equal members
    since, or where the kill came after the last result.

    Args:
        members: All of a job.
        settings: What all members share.
        folder: Where the checkpoints lie.
    """
    clock = Clock(settings.checkpoint_seconds)
    for name, _ in waves(members, settings):
        Checkpoint(folder, name, clock).remove_all()
