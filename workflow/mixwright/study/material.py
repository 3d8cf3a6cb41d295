"""What a study is made of: its domains and targets, and the files, local, fetched or measured by others, that they are read from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json
from mixwright.learners import LEARNERS, Learner
from mixwright.sources import public


def targets_of(study: Mapping[str, Any]) -> dict[str, float]:
    """The targets that have weight, sorted by name, their weights summing to 1."""
    given = (
        study["measured"]["targets"]
        if "measured" in study
        else {name: target["weight"] for name, target in study["targets"].items()}
    )
    weights = {name: float(weight) for name, weight in sorted(given.items()) if weight > 0}
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def learner_of(study: Mapping[str, Any]) -> Learner:
    """The learner of a study; a language model where none is named."""
    return LEARNERS[study.get("learner", "causal-lm")]


@dataclass(frozen=True)
class Material:
    """The part of a resolved config (see mixwright.study.config.resolve) that is there before anything is trained."""

    config: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(read_json(path))

    @property
    def learner(self) -> Learner:
        return learner_of(self.config)

    @property
    def domains(self) -> list[str]:
        return sorted(self.config["domains"])

    @property
    def targets(self) -> list[str]:
        """The held-out targets, those with a source of their own."""
        return sorted(name for name in self.config["targets"] if name not in self.config["domains"])

    @property
    def measured(self) -> Mapping[str, Any]:
        """Where the tables of runs stand that others measured; empty for a study that trains its own."""
        return self.config.get("measured", {})

    def write(self, path: str | Path) -> None:
        """Writes what `read` reads, unless it stands there already."""
        if not Path(path).exists() or read_json(path) != self.config:
            write_json(path, self.config)

    @cached_property
    def target_weights(self) -> dict[str, float]:
        """Target -> weight in the objective, summing to 1."""
        return targets_of(self.config)

    @property
    def tests(self) -> dict[str, tuple[Path, Path]]:
        """Test set -> its tables of mixtures and of losses."""
        return {
            name: self.tables_of(tables) for name, tables in self.measured.get("tests", {}).items()
        }

    @property
    def published(self) -> dict[str, Path]:
        """Published mixture -> the file that holds it."""
        return {
            name: Path(self.located(file)[0])
            for name, file in self.measured.get("published", {}).items()
        }

    def tables_of(self, runs: Mapping[str, str]) -> tuple[Path, Path]:
        """Where the tables of mixtures and losses of measured runs stand."""
        mixtures, losses = (Path(self.located(runs[name])[0]) for name in ("mixtures", "losses"))
        return mixtures, losses

    def source(self, name: str) -> dict[str, Any]:
        """Where the text of a domain or a target comes from; `public:<name>` among its files is the fetched file's path."""
        source = self.config["domains"].get(name) or self.config["targets"][name]
        return (
            {**source, "files": self.located(source["files"])}
            if source.get("files")
            else dict(source)
        )

    def located(self, files: str | Sequence[str]) -> list[str]:
        """File patterns with `public:<name>` as the path that rule fetch_public writes."""
        names = {
            pattern: public.named(pattern, self.config["public"], "files")
            for pattern in public.patterns(files)
        }
        return [self.public_path(name) if name else pattern for pattern, name in names.items()]

    def public_path(self, name: str) -> str:
        """The fetched copy of a public file."""
        return (
            f"results/{self.config['study']}/public/{public.basename(self.config['public'][name])}"
        )

    def public_name(self, file: str) -> str:
        """The public file that is fetched to the name `file`."""
        found = [
            name
            for name in self.config["public"]
            if public.basename(self.config["public"][name]) == file
        ]
        if not found:
            raise MixwrightError(
                f"{file} is not among the study's public files; name it in the section `public`"
            )
        return found[0]

    def part(self, key: str) -> Any:
        """The value of a dotted key; names may hold dots themselves."""
        section, _, name = key.partition(".")
        value = self.config[section]
        if not name or name in value:
            return value[name] if name else value
        for step in name.split("."):
            value = value[step]
        return value

    @property
    def corpus(self) -> dict[str, Any]:
        """What the tokens on disk, or the rows of tables, depend on."""
        if not self.learner.sized:
            return {key: self.config[key] for key in ("seed", "tables", "domains")} | {
                "public": self.fetched(self.table_files.values())
            }
        targets = {
            name: {**target, "weight": None}
            for name, target in self.config["targets"].items()
            if name in self.targets
        }
        found = {key: self.config[key] for key in ("corpus", "domains", "tokenizer")} | {
            "targets": targets
        }
        sources = [*self.config["domains"].values(), *targets.values()]
        fetched = self.fetched(
            pattern for source in sources for pattern in public.patterns(source.get("files") or [])
        )
        return (
            found
            | ({"public": fetched} if fetched else {})
            | ({"mask_token": True} if self.learner.masked else {})
        )

    @property
    def table_files(self) -> dict[str, str]:
        """Table -> its file as the config names it, sorted by name."""
        return {name: table["file"] for name, table in sorted(self.config["tables"].items())}

    def fetched(self, patterns: Iterable[str]) -> dict[str, str]:
        """Name -> SHA-256 of the public files among these."""
        names = (public.named(pattern, self.config["public"], "files") for pattern in patterns)
        return {name: self.config["public"][name]["sha256"] for name in names if name}
