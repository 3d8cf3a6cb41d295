"""Runs the real workflow in a folder of its own."""

import copy
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import warm_python
from mixwright.study.config import resolve
from mixwright.study.study import Study

HOUSE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Workshop:
    """A working folder; studies are written into it as whole config files."""

    folder: Path
    # whether Snakemake and its jobs are forks of a process with what they import
    warm: bool = True

    def snakemake(
        self, study: Mapping[str, Any] | None, *arguments: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs Snakemake on `study` (None: the default study) with two cores.

        The caller checks the return code.
        """
        variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        python = sys.executable
        if self.warm:
            folder = warm_python.folder_of(variables)
            python = str(folder / "python")
            variables["PATH"] = f"{folder}{os.pathsep}{variables['PATH']}"
        command = [
            python,
            "-m",
            "snakemake",
            "--snakefile",
            str(HOUSE / "Snakefile"),
            "--directory",
            str(self.folder),
        ]
        if study is not None:
            path = self.folder / "study.yaml"
            path.write_text(yaml.safe_dump(dict(study)))
            command += ["--configfile", str(path)]
        return subprocess.run(
            [*command, "--cores", "2", *arguments],
            env=variables,
            capture_output=True,
            text=True,
            cwd=self.folder,
        )

    def run(self, study: Mapping[str, Any], *arguments: str) -> str:
        """Runs a study to its end; returns what was said."""
        done = self.snakemake(study, *arguments)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return done.stdout + done.stderr

    def jobs(
        self, study: Mapping[str, Any] | None, *arguments: str, **environment: str
    ) -> dict[str, int]:
        """Rule -> number of jobs that a dry run lists; empty where nothing is to be done."""
        done = self.snakemake(study, "--dry-run", *arguments, **environment)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        table = re.findall(r"^([a-z_]+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
        return {rule: int(count) for rule, count in table if rule != "total"}

    def commands(self, study: Mapping[str, Any]) -> list[list[str]]:
        """The words of the mixwright command of every job, in an order in which they can run."""
        done = self.snakemake(study, "--dry-run", "--printshellcmds")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        text = done.stdout + done.stderr
        lines = re.findall(r"^ *(?:Shell command: )?python -m mixwright (.*) 2>&1 ", text, re.M)
        path = self.folder / "results" / study["study"] / "study.json"
        Study(resolve(dict(study), HOUSE / "config")).write(path)
        return [shlex.split(line) for line in lines]

    def pretend(self, study: Mapping[str, Any]) -> None:
        """Makes every file of the study, empty; folders are those without a suffix."""
        said = self.snakemake(study, "--dry-run").stdout
        for name in {
            name
            for line in re.findall("^    output: (.*)$", said, re.MULTILINE)
            for name in line.split(", ")
        }:
            path = self.folder / name
            (path if path.suffix else path / ".snakemake_timestamp").parent.mkdir(
                parents=True, exist_ok=True
            )
            (path if path.suffix else path / ".snakemake_timestamp").touch()
        self.snakemake(study, "--touch")


def read_study(name: str) -> dict[str, Any]:
    return yaml.safe_load((HOUSE / "config" / "studies" / f"{name}.yaml").read_text())


def changed(study: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The study with the value at a dotted path replaced."""
    new = copy.deepcopy(dict(study))
    *sections, key = path.split(".")
    inner = new
    for section in sections:
        inner = inner.setdefault(section, {})
    inner[key] = value
    return new


def without(study: Mapping[str, Any], *mixers: str) -> dict[str, Any]:
    return {
        **study,
        "mixers": {
            name: settings for name, settings in study["mixers"].items() if name not in mixers
        },
    }


def merged(study: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The study with an overlay's values in place of its own, section by section."""
    inner = {
        key: merged(study.get(key, {}), value) if isinstance(value, Mapping) else value
        for key, value in overlay.items()
    }
    return {**study, **inner}
