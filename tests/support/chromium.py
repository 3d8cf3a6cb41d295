"""The Chromium that tests open pages in: where it is, and how it comes onto a machine.

`python tests/support/chromium.py` installs Debian's `chromium` where it is missing and root may
do so. Where it may not, one line says what is missing, and the exit status is 0: tests then skip.
"""

import os
import shutil
import subprocess
from pathlib import Path

VARIABLE = "MIXWRIGHT_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FIX = f"apt-get install chromium, or set {VARIABLE} to the path of a Chromium"


class NoChromiumError(Exception):
    """There is no Chromium here; the message names the fix."""


def executable() -> str:
    """The path of the Chromium that the environment names, or else of an installed one."""
    named = os.environ.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            raise NoChromiumError(f"{VARIABLE} is {named}, and there is no such file")
        return named
    installed = [path for path in map(shutil.which, NAMES) if path]
    if not installed:
        raise NoChromiumError(f"no Chromium here: {FIX}")
    return installed[0]


def install() -> str:
    """Returns the path of a Chromium, after Debian's was installed where there was none."""
    try:
        return executable()
    except NoChromiumError as reason:
        if os.environ.get(VARIABLE) or os.geteuid() != 0 or not shutil.which("apt-get"):
            raise
        _install_by_apt(reason)
    return executable()


def _install_by_apt(reason: NoChromiumError) -> None:
    # No window is ever drawn on a screen, so what Debian recommends beside it stays away.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], env=quiet, capture_output=True, text=True
        )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise NoChromiumError(f"{reason} (apt-get {command[0]} failed: {last[0]})")


if __name__ == "__main__":
    try:
        install()
    except NoChromiumError as reason:
        print(f"tests of pages will skip: {reason}")
