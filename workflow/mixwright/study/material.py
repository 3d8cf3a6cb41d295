"""What a study is made of: its domains, its targets, and where their text or tables come from."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from mixwright import sources
from mixwright.corpus.text_settings import TextSettings
from mixwright.corpus.tokenizer_files import files_of, fingerprint
from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json
from mixwright.learners import CHOSEN, LEARNERS, LOSS, Learner, Metric
from mixwright.sources.base import Source
from mixwright.sources.places import Places
from mixwright.study import sample
from mixwright.study.measured_targets import measured_metrics, spelled_out, stated

# Keys of a domain that its settings of text resolve, or that change none of its text.
RESOLVED = ("sample", "clean", "tokens")
# More bytes than any corpus has.
ALL_BYTES = 2**62


@dataclass(frozen=True)
class Material:
    """The part of a study that is there before anything is trained."""

    # as `mixwright.study.config.resolve` returns it
    config: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads the study.json of a study."""
        return cls(read_json(path))

    def write(self, path: str | Path) -> None:
        """Writes what `read` reads. A file that holds the same is left alone."""
        if not Path(path).exists() or read_json(path) != self.config:
            write_json(path, self.config)

    @property
    def name(self) -> str:
        """The study's name, which is also its folder below results/."""
        return str(self.config["study"])

    @property
    def seed(self) -> int:
        """The study's seed."""
        return int(self.config["seed"])

    @property
    def proxy(self) -> Mapping[str, Any]:
        """The section `proxy`."""
        return self.config["proxy"]

    @property
    def final(self) -> Mapping[str, Any]:
        """The section `final`."""
        return self.config["final"]

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """The section `evaluation`."""
        return self.config["evaluation"]

    @property
    def designs(self) -> Mapping[str, Any]:
        """The section `designs`."""
        return self.config["designs"]

    @property
    def learner(self) -> Learner:
        """What is trained; a causal language model where the study names nothing."""
        return LEARNERS[self.config.get("learner", "causal-lm")]

    @property
    def ends_at_proposals(self) -> bool:
        """Whether the study trains no final models (`finals: none`)."""
        return bool(self.config.get("finals") == "none")

    @property
    def domains(self) -> list[str]:
        """Names of the domains, sorted."""
        return sorted(self.config["domains"])

    @property
    def targets(self) -> list[str]:
        """Names of the held-out targets, which have a source of their own; sorted."""
        return sorted(name for name in self.config["targets"] if name not in self.config["domains"])

    @property
    def measured(self) -> Mapping[str, Any]:
        """The section `measured`: tables of runs that others measured; empty without them."""
        return self.config.get("measured", {})

    @cached_property
    def target_weights(self) -> dict[str, float]:
        """Target -> weight in the objective, of targets with weight, sorted; they sum to 1."""
        weights: dict[str, float] = {}
        if "measured" in self.config:
            for name, entry in self.config["measured"]["targets"].items():
                weights[name] = spelled_out(entry).get("weight", 1.0)
        else:
            for name, target in self.config["targets"].items():
                weights[name] = target["weight"]
        positive = {}
        for name in sorted(weights):
            if weights[name] > 0:
                positive[name] = float(weights[name])
        total = sum(positive.values())
        return {name: weight / total for name, weight in positive.items()}

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """Target -> what its numbers are: as `measured.targets` says, or the learner's losses.

        Of a target of questions it may be what chooses by it. How many questions there are, and
        what a guess has, is known once runs are measured (see `mixwright.measured.chosen`).
        """
        if self.measured:
            return measured_metrics(self.measured)
        names = [*self.config["domains"], *self.targets]
        metrics = dict.fromkeys(sorted(names), self.learner.loss)
        return metrics | {name: CHOSEN[column] for name, column in self.chosen.items()}

    @property
    def chosen(self) -> dict[str, str]:
        """Target of questions -> what chooses by it in place of the loss: a name of CHOSEN."""
        if self.measured:
            return {}
        chosen = {}
        for name, target in sorted(self.config["targets"].items()):
            column = target.get("metric", LOSS.name)
            if column != LOSS.name:
                chosen[name] = column
        return chosen

    @property
    def stated(self) -> frozenset[str]:
        """Measured targets of which the study says what their numbers are."""
        return stated(self.measured)

    @property
    def tests(self) -> dict[str, tuple[Path, Path]]:
        """Test set -> its tables of mixtures and of losses."""
        tests = self.measured.get("tests", {})
        return {name: self.tables_of(tables) for name, tables in tests.items()}

    @property
    def published(self) -> dict[str, Path]:
        """Published mixture -> the file that holds it."""
        published = self.measured.get("published", {})
        return {name: Path(self.located(file)[0]) for name, file in published.items()}

    def tables_of(self, runs: Mapping[str, str]) -> tuple[Path, Path]:
        """Returns where the tables of mixtures and of losses of measured runs lie."""
        mixtures = Path(self.located(runs["mixtures"])[0])
        losses = Path(self.located(runs["losses"])[0])
        return mixtures, losses

    @property
    def places(self) -> Places:
        """Where the files that the study names lie."""
        folder = self.config.get("tokenizer", {}).get("folder")
        return Places(f"results/{self.name}", self.config.get("public", {}), folder)

    def source(self, name: str) -> Source:
        """Returns where the text of a domain or of a held-out target comes from."""
        settings = self.config["domains"].get(name)
        if settings is None:
            # How much a target counts, and by what, changes none of its text.
            settings = {**self.config["targets"][name], "weight": None}
            settings.pop("metric", None)
        return sources.create(name, settings, self.places)

    def text(self, name: str) -> TextSettings:
        """Returns how much is read of a domain or held-out target, and what is done to its text."""
        entry = self.config["domains"].get(name) or self.config["targets"][name]
        kind = sources.entry(entry["source"], name)
        needed = sample.needed_bytes(self.config, name, self._longest_proxy)
        return TextSettings.of(self.config["corpus"], entry, kind.defaults, needed)

    @cached_property
    def sizes(self) -> dict[str, int | None]:
        """Domain -> about how many bytes of text its source holds; None where nobody knows yet.

        Files are looked at once. Public files have no size: they may not be fetched yet, and
        the study has the same jobs before and after.
        """
        sizes: dict[str, int | None] = {}
        for name in self.domains:
            source = self.source(name)
            sizes[name] = None
            # Of files that are missing a study can be looked at.
            with suppress(MixwrightError):
                if not source.pinned():
                    sizes[name] = source.size()
        return sizes

    def parts(self, name: str) -> int:
        """Returns in how many parts a domain is read, each by a job of its own."""
        return self.texts[name].parts(self.sizes[name])

    @cached_property
    def texts(self) -> dict[str, TextSettings]:
        """Domain -> how much is read of it, and what is done to its text."""
        return {name: self.text(name) for name in self.domains}

    @property
    def harvest(self) -> tuple[int, int]:
        """Bytes that are taken of each domain of the embedded corpus, and of a document at most.

        The largest sample that one of the study's domains has of it; without such a domain, what
        one would have.
        """
        defaults = sources.SOURCES["installed"].defaults
        general = TextSettings.of(self.config["corpus"], {}, defaults, self.needed_bytes)
        samples = []
        for name in self.domains:
            if self.config["domains"][name]["source"] == "installed":
                samples.append(self.texts[name].sample or ALL_BYTES)
        if not samples:
            samples.append(general.sample or ALL_BYTES)
        return max(samples), general.max_document_bytes or ALL_BYTES

    @property
    def needed_bytes(self) -> int:
        """UTF-8 bytes of text that the study's longest run can need of a domain without a cap."""
        return sample.needed_bytes(self.config, "", self._longest_proxy)

    @cached_property
    def _longest_proxy(self) -> float:
        return sample.longest_proxy(self.config)

    @property
    def source_tokens(self) -> dict[str, int]:
        """Domain -> training tokens of its whole source, where the study states them."""
        tokens = {}
        for name, entry in self.config["domains"].items():
            if "tokens" in entry:
                tokens[name] = int(entry["tokens"])
        return tokens

    @property
    def read_before(self) -> dict[str, int]:
        """Domain -> tokens of text like it that the models' checkpoint has read, as stated."""
        return dict(self.config["goal"].get("seen", {}))

    @property
    def held_out(self) -> tuple[float, int]:
        """Share of a domain's sample that is held out, and UTF-8 bytes of it at most."""
        corpus = self.config["corpus"]
        return float(corpus["validation_share"]), int(corpus["validation_bytes"])

    def located(self, files: str | Sequence[str]) -> list[str]:
        """Returns file patterns with `public:<name>` as the path that rule fetch_public writes."""
        return self.places.located(files)

    def public_name(self, file: str) -> str:
        """Returns the public file that is fetched to the file name `file`."""
        return self.places.name_of(file)

    def part(self, key: str) -> Any:
        """Returns the value of a dotted key of the config; a name may hold dots itself."""
        section, _, name = key.partition(".")
        value = self.config[section]
        if not name:
            return value
        if name in value:
            return value[name]
        for step in name.split("."):
            value = value[step]
        return value

    @property
    def corpus(self) -> dict[str, Any]:
        """What the training tokens on disk, or the rows of tables, depend on.

        A target is no part of it, though a step of cleaning may drop what stands in it: the tokens
        themselves tell that.
        """
        if not self.learner.sized:
            facts = {key: self.config[key] for key in ("seed", "tables", "domains")}
            return facts | {"public": self.places.pinned(self.table_files.values())}
        facts = {"tokenizer": self.config["tokenizer"]}
        facts["domains"] = {}
        pinned: dict[str, str] = {}
        for name in self.domains:
            source = self.source(name)
            written = {key: fact for key, fact in source.facts().items() if key not in RESOLVED}
            facts["domains"][name] = written | self._read(name)
            pinned |= source.pinned()
        if pinned:
            facts["public"] = pinned
        if self.learner.masked:
            facts["mask_token"] = True
        return facts

    def _read(self, name: str) -> dict[str, Any]:
        """How the text of a domain is read, as far as its documents depend on it.

        It is what the settings come to: a sample counts by its bytes, however it is written.
        """
        settings = asdict(self.text(name))
        # a job that stops leaves no documents; in how many parts they are read follows from sizes
        # of files, and stands in what runs read
        del settings["on_error"], settings["part_bytes"]
        return settings

    @property
    def own_tokenizer(self) -> bool:
        """Whether the tokenizer is a folder of the user, and not trained on the domains."""
        return bool(self.config.get("tokenizer", {}).get("folder"))

    def tokenizer_files(self) -> list[Path]:
        """Returns the files of the user's tokenizer; none where it is trained on the domains.

        Raises:
            MixwrightError: its folder holds no tokenizer.
        """
        if not self.own_tokenizer:
            return []
        return [path.resolve() for path in files_of(self.config["tokenizer"]["folder"])]

    @property
    def tokenizer_print(self) -> list[str]:
        """The hash of the user's tokenizer, in a list; empty where there is no such tokenizer."""
        if not self.own_tokenizer:
            return []
        with suppress(MixwrightError):
            return [fingerprint(self.config["tokenizer"]["folder"], whole=True)]
        return []

    @property
    def table_files(self) -> dict[str, str]:
        """Table -> its file as the config names it, sorted by name."""
        return {name: table["file"] for name, table in sorted(self.config["tables"].items())}
