"""What a study is made of: its domains and targets, and the files, local, fetched or measured by others, that they are read from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from mixwright import sources
from mixwright.files import read_json, write_json
from mixwright.learners import LEARNERS, Learner
from mixwright.sources.base import Source
from mixwright.sources.places import Places


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

    @property
    def places(self) -> Places:
        """Where the files that the study names lie."""
        return Places(f"results/{self.config['study']}", self.config["public"])

    def source(self, name: str) -> Source:
        """Where the text of a domain or of a held-out target comes from."""
        settings = self.config["domains"].get(name)
        if settings is None:
            # How much a target counts changes none of its text.
            settings = {**self.config["targets"][name], "weight": None}
        return sources.create(name, settings, self.places)

    def located(self, files: str | Sequence[str]) -> list[str]:
        """File patterns with `public:<name>` as the path that rule fetch_public writes."""
        return self.places.located(files)

    def public_name(self, file: str) -> str:
        """The public file that is fetched to the name `file`."""
        return self.places.name_of(file)

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
                "public": self.places.pinned(self.table_files.values())
            }
        facts: dict[str, Any] = {key: self.config[key] for key in ("corpus", "tokenizer")}
        pinned: dict[str, str] = {}
        for section, names in (("domains", self.domains), ("targets", self.targets)):
            facts[section] = {}
            for name in names:
                source = self.source(name)
                facts[section][name] = source.facts()
                pinned |= source.pinned()
        if pinned:
            facts["public"] = pinned
        if self.learner.masked:
            facts["mask_token"] = True
        return facts

    @property
    def table_files(self) -> dict[str, str]:
        """Table -> its file as the config names it, sorted by name."""
        return {name: table["file"] for name, table in sorted(self.config["tables"].items())}
