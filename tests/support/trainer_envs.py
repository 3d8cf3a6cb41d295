"""Environments of trainers: a virtual environment each, made by the test that needs it.

Their pins contradict each other, so no two share one. An environment is kept in
.trainers/NAME-HASH and made again when its packages change. Where the package registry is out of
reach, the test is skipped with a line that says so.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).parents[2]
PLACE = HOUSE / ".trainers"
# What pip says where it cannot reach the registry, or the registry has no such package.
OUT_OF_REACH = ("No matching distribution", "Could not find a version", "Connection", "Temporary")
MINUTES = 20


def python_of(version: str) -> str | None:
    """Returns an interpreter of a version such as 3.12; None where this machine has none."""
    if sys.version.startswith(f"{version}."):
        return sys.executable
    places = [shutil.which(f"python{version}")]
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places += [str(path / "bin" / "python") for path in sorted(versions.glob(f"{version}.*"))]
    for place in places:
        if place and _runs(place, version):
            return place
    return None


def _runs(python: str, version: str) -> bool:
    done = subprocess.run([python, "--version"], capture_output=True, text=True)
    return done.returncode == 0 and f" {version}." in done.stdout


def environment(
    name: str,
    *packages: str,
    version: str = "3.11",
    alone: bool = False,
    bare: tuple[str, ...] = (),
) -> Path:
    """Returns the interpreter of an environment that holds these packages.

    Args:
        name: of the trainer.
        packages: as pip takes them, pinned.
        version: of Python.
        alone: whether to install them without what they depend on.
        bare: more packages, without what they depend on, of which a test loads a part.
    """
    wanted = [*packages, *bare, version, str(alone)]
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:12]
    folder = PLACE / f"{name}-{digest}"
    python = folder / "bin" / "python"
    if (folder / "installed").exists():
        return python
    interpreter = python_of(version)
    if interpreter is None:
        pytest.skip(f"{name} needs Python {version}, and this machine has none")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([interpreter, "-m", "venv", str(folder)], check=True)
    _install(name, python, packages, alone)
    if bare:
        _install(name, python, bare, alone=True)
    (folder / "installed").write_text("\n".join([*packages, *bare]))
    return python


def _install(name: str, python: Path, packages: tuple[str, ...], alone: bool) -> None:
    """Installs packages; skips the test where the registry does not give them."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if alone:
        command.append("--no-deps")
    done = subprocess.run(
        [*command, *packages], capture_output=True, text=True, timeout=60 * MINUTES
    )
    if done.returncode == 0:
        return
    if any(words in done.stderr for words in OUT_OF_REACH):
        line = done.stderr.strip().splitlines()[-1]
        pytest.skip(f"{name}: the registry does not give its packages: {line}")
    raise AssertionError(done.stderr[-2000:])


def answer(python: Path, program: str, **values: Any) -> Any:
    """Runs a program in a trainer's environment, and returns what it writes as JSON.

    The program reads `values` from `VALUES`, and assigns its answer to `ANSWER`.
    """
    text = (
        "import json, sys\n"
        f"VALUES = json.loads({json.dumps(json.dumps(values))})\n"
        f"{program}\n"
        "open(sys.argv[1], 'w').write(json.dumps(ANSWER))\n"
    )
    PLACE.mkdir(exist_ok=True)
    place = PLACE / f"answer-{os.getpid()}.json"
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [str(python), "-c", text, str(place)], capture_output=True, text=True, env=environ
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(place.read_text())
    finally:
        place.unlink(missing_ok=True)
