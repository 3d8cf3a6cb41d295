"""OLMo-core: source mixtures in YAML, and mixtures of composable sources in Python.

    number  target_ratio: share of the tokens; they must sum to 1. In the form composable ratio:
            above 0, divided by their sum
    draws   deterministic, whole sequences of each file. What is missing goes to files that have
            more: the same number to each, then by the largest part cut off
    end     an error, unless max_repetition_ratio (max_repetition_factor) covers the passes
    zero    allowed, but rounding may give it sequences
    least   a sequence a file; a file shorter than one gives nothing
    order   a source mixture takes the first tokens of each file, whatever the seed; composable
            sources are sampled
    stages  a source mixture has one: each stage is a data set and a run of its own, here a document
            of the YAML. Composable: a mixture each, which the data loader takes in turn

Read in ai2-olmo-core 3.0.0: olmo_core/data/source_mixture.py, olmo_core/config.py (from_dict), and
olmo_core/data/composable. The rule of source mixtures is in olmo_rule.py and olmo_faults.py, the
composable form in olmo_composable.py and olmo_module.py.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mixwright.errors import MixwrightError
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    REFUSED,
    REMARK,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
)
from mixwright.proposals.export.inputs.settings import Words
from mixwright.proposals.export.order import Stage
from mixwright.proposals.export.rules.arithmetic import changed, longer_training, normalised
from mixwright.proposals.export.text.quoting import commented, yaml_text
from mixwright.proposals.export.text.yaml_source import (
    mapping,
    number_of,
    whole_number,
    yaml_documents,
)
from mixwright.proposals.export.trainers import olmo_composable, olmo_module
from mixwright.proposals.export.trainers.olmo_faults import (
    faults_of_ratios,
    last_of_a_name,
    same_names,
    too_small,
)
from mixwright.proposals.export.trainers.olmo_rule import (
    in_turn,
    repetition_that_covers,
    sequences_taken,
    times_read,
)

DATASET, SOURCES, COMPOSABLE = "dataset", "sources", "composable"
FORMS = (DATASET, SOURCES, COMPOSABLE)
# How a document of the file names its stage.
STAGE = "--- # stage: "
# Keys of the trainer's classes; it refuses others.
OF_DATASET = (
    "source_list",
    "sources",
    "requested_tokens",
    "global_batch_size",
    "processes",
    "seed",
    "render_tables",
    "quiet",
)
OF_SOURCE = (
    "source_name",
    "target_ratio",
    "paths",
    "max_repetition_ratio",
    "max_source_fraction",
)
UNEVEN = "sequences that are missing go to all files alike; ask for whole steps"


@dataclass(frozen=True)
class OlmoCore(Format):
    """Writes a data set with its source mixture, the sources alone, or composable sources."""

    name = "olmo-core"
    trainer = "OLMo-core (read 3.0.0)"
    meaning = "Each ratio is a share of the training tokens; they sum to 1."
    staged = True
    # form: dataset for SourceMixtureDatasetConfig.from_yaml; sources for
    # SourceMixtureList.from_yaml, as in OLMo-core's own files; composable for Python.
    # global_batch_size: tokens of a step; of one sequence where it is None.
    defaults: ClassVar[Mapping[str, Any]] = {"form": DATASET, "global_batch_size": None}
    words: ClassVar[Words] = {"form": FORMS}

    def blend_settings(self, order: Any, numbers: Any) -> Mapping[str, Any]:
        return {"form": self.settings["form"]}

    def write(self, document: Document) -> str:
        form = self.settings["form"]
        several = len(document.blends) > 1
        if form == COMPOSABLE:
            return olmo_module.write(document)
        if form == SOURCES and several:
            raise MixwrightError(
                "olmo-core: the form sources has no place for tokens, which tell where stages"
                " begin; use the form dataset or composable, or export each stage by itself"
            )
        lines = [
            *document.header,
            *_how_to_load(form, document),
        ]
        text = commented(lines, self.comment)
        for place, blend in enumerate(document.blends):
            stage = document.order.stages[place]
            if several:
                text += commented([stage.name], STAGE)
            text += self._data_set(document, blend, stage)
        return text

    def _data_set(
        self,
        document: Document,
        blend: Blend,
        stage: Stage,
    ) -> str:
        batch = self.settings["global_batch_size"]
        if batch is None:
            batch = document.order.sequence
        requested = _requested(stage.tokens, batch)
        sources = _sources(document, blend, requested or 0)
        content = {"sources": sources}
        if self.settings["form"] == SOURCES:
            return yaml_text(content)
        text = yaml_text({"source_list": content})
        text += _line("requested_tokens", requested, "training tokens, whole steps")
        text += _line("global_batch_size", batch, "tokens of a step, as the data loader has them")
        return text

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        if olmo_composable.is_such(text):
            return olmo_composable.read(text, where)
        loaded = yaml_documents(text, where)
        if not loaded:
            raise MixwrightError(f"{where}: no sources stand there; give `sources:`")
        blends = [_blend(document, where) for document in loaded]
        if len(blends) == 1:
            return tuple(blends)
        names = re.findall(f"^{STAGE}(.*)$", text, re.MULTILINE)
        return in_turn(blends, names, "requested_tokens")

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        if blend.settings.get("form") == COMPOSABLE:
            return olmo_composable.draw(blend, budget)
        faults = [
            *faults_of_ratios(blend),
            *same_names(blend),
        ]
        refused = [fault for fault in faults if fault.kind == REFUSED]
        requested = blend.settings.get("requested_tokens") or budget.tokens
        if requested is None or budget.sequence is None or refused:
            shares = last_of_a_name(blend, normalised(blend))
            return Drawn(shares, tuple(faults))
        batch = blend.settings.get("global_batch_size") or budget.sequence
        if batch % budget.sequence:
            message = f"global_batch_size {batch:,} is no multiple of {budget.sequence:,} tokens"
            faults.append(Fault(REFUSED, f"{message}, the sequence; make it one"))
            batch = budget.sequence
        units = sequences_taken(blend, budget, int(requested), batch)
        units = last_of_a_name(blend, units)
        faults += too_small(blend, budget, int(requested))
        faults += changed(blend, units, UNEVEN)
        again = times_read(units, budget)
        if again > 1:
            message = f"the training reads this data set {again:,.3g} times"
            faults.append(Fault(REMARK, message))
        return Drawn(units * again, tuple(faults))

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        return longer_training(self.unit, blend, lost)


def _requested(
    tokens: float | None,
    batch: int | None,
) -> int | None:
    """Returns the tokens to ask for: whole steps, as the rest would go to all files alike."""
    if tokens is None or batch is None:
        return None
    steps = round(tokens / batch)
    return max(1, steps) * batch


def _sources(
    document: Document,
    blend: Blend,
    requested: int,
) -> list[dict[str, Any]]:
    sources = []
    for entry in blend.entries:
        source = document.sources[entry.path]
        wanted = int(requested * entry.number)
        sources.append(
            {
                "source_name": entry.path,
                "target_ratio": float(entry.number),
                "max_repetition_ratio": repetition_that_covers(wanted, source.tokens),
                "paths": list(source.listed),
            }
        )
    return sources


def _line(
    key: str,
    value: int | None,
    meaning: str,
) -> str:
    """Returns a line of YAML, or a comment that asks to fill it in."""
    if value is None:
        return f"# {key}: fill this in ({meaning})\n"
    return f"{key}: {value}  # {meaning}\n"


def _how_to_load(form: str, document: Document) -> list[str]:
    lines = [
        "A data set takes the first tokens of each file: shuffle the documents beforehand.",
    ]
    config = "SourceMixtureDatasetConfig.from_yaml(FILE)"
    if form == SOURCES:
        config = (
            "SourceMixtureDatasetConfig(source_list=SourceMixtureList.from_yaml(FILE),"
            " requested_tokens=..., global_batch_size=...)"
        )
    if len(document.blends) > 1:
        lines.append("Each document below is the data set of one stage, and each stage is a run.")
        lines.append("A later stage reads again what an earlier one read of the same file.")
        config = "SourceMixtureDatasetConfig.from_dict(list(yaml.safe_load_all(open(FILE)))[0])"
    sequence = document.order.sequence or "..."
    lines.append(f"Load it: {config},")
    lines.append(f"then NumpyFSLDatasetConfig.from_src_mix(..., sequence_length={sequence}).")
    return lines


def _blend(document: Any, where: str) -> Blend:
    """Returns the blend of a data set, or of a list of sources."""
    content = mapping(document, where, "a mapping with `sources:`")
    faults = _unknown(content, OF_DATASET, where)
    sources = content.get("sources")
    if "source_list" in content:
        inner = mapping(content["source_list"], f"{where}: source_list", "`sources:`")
        sources = inner.get("sources")
    if not isinstance(sources, list) or not sources:
        raise MixwrightError(f"{where}: sources is no list; give each its name, ratio and paths")
    entries = []
    for place, written in enumerate(sources, start=1):
        spot = f"{where}: source {place}"
        source = mapping(written, spot, "source_name, target_ratio and paths")
        faults += _unknown(source, OF_SOURCE, spot)
        entries.append(_entry(source, spot))
    settings = {
        "requested_tokens": whole_number(
            content.get("requested_tokens"),
            f"{where}: requested_tokens",
        ),
        "global_batch_size": whole_number(
            content.get("global_batch_size"),
            f"{where}: global_batch_size",
        ),
    }
    return Blend(tuple(entries), settings, faults=tuple(faults))


def _entry(source: Mapping[Any, Any], where: str) -> Entry:
    paths = source.get("paths")
    if not isinstance(paths, list) or not paths:
        raise MixwrightError(f"{where}: paths is no list; give the files of the source")
    if "source_name" not in source:
        raise MixwrightError(f"{where}: source_name is missing; name the source")
    ratio = number_of(source.get("target_ratio"), f"{where}: target_ratio")
    settings = {}
    for key in ("max_repetition_ratio", "max_source_fraction"):
        value = source.get(key, 1.0)
        settings[key] = number_of(value, f"{where}: {key}")
    name = str(source["source_name"])
    files = [str(path) for path in paths]
    return Entry(name, ratio, tuple(files), settings)


def _unknown(
    content: Mapping[Any, Any],
    known: Sequence[str],
    where: str,
) -> list[Fault]:
    """Returns a fault for each key that the trainer does not know."""
    faults = []
    for key in content:
        if key not in known:
            names = ", ".join(known)
            message = f"{where}: OLMo-core knows no {key}; use {names}"
            faults.append(Fault(REFUSED, message))
    return faults
