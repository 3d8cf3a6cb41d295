"""The mixture files of trainers, by name.

A new format is one class in `trainers/` and one line in FORMATS. The contract tests run on it
because it is listed (docs/how-to/add-an-export-format.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError, nearest

if TYPE_CHECKING:
    from mixwright.proposals.export.base import Format


@dataclass(frozen=True)
class FormatKind:
    """Where a format lives, and what is known of it without importing it."""

    # module:class, in mixwright.proposals.export.trainers
    target: str
    # of the file
    suffix: str
    # what the format is for, in a line
    purpose: str

    def load_class(self) -> "type[Format]":
        """Imports the module and returns the class of the format."""
        module, _, name = self.target.partition(":")
        loaded = import_module(f"mixwright.proposals.export.trainers.{module}")
        format_class: type[Format] = getattr(loaded, name)
        return format_class


FORMATS: dict[str, FormatKind] = {
    "megatron": FormatKind("megatron:Megatron", ".txt", "Megatron-LM: arguments, or a file"),
    "megatron-core": FormatKind("megatron_core:MegatronCore", ".py", "Megatron-Core: a config"),
    "megatron-bridge": FormatKind(
        "megatron_bridge:MegatronBridge", ".py", "Megatron-Bridge, and NeMo: pretraining"
    ),
    "megatron-bridge-sft": FormatKind(
        "megatron_bridge:MegatronBridgeSft", ".py", "Megatron-Bridge: fine-tuning on rows"
    ),
    "nanotron": FormatKind("nanotron:Nanotron", ".yaml", "nanotron: folders, also by stage"),
    "energon": FormatKind("energon:Energon", ".yaml", "Megatron-Energon: a metadataset"),
    "hf": FormatKind("hf:Interleaved", ".py", "Hugging Face datasets: interleave_datasets"),
    "torchtitan": FormatKind(
        "torchtitan:Torchtitan", ".py", "torchtitan: the config of a data loader"
    ),
    "grain": FormatKind("grain:Grain", ".py", "Grain: MapDataset.mix"),
    "maxtext": FormatKind("maxtext:MaxText", ".json", "MaxText: a mixture of ArrayRecord files"),
    "litgpt": FormatKind("litgpt:LitGpt", ".py", "litgpt: a data module of litdata streams"),
    "fairseq2": FormatKind("fairseq2:Fairseq2", ".yaml", "fairseq2: sources of a recipe"),
    "olmo-core": FormatKind(
        "olmo_core:OlmoCore", ".yaml", "OLMo-core: source mixture, or composable sources"
    ),
    "levanter": FormatKind("levanter:Levanter", ".yaml", "Levanter: the data section, with stages"),
    "streaming": FormatKind(
        "streaming:Streaming", ".yaml", "MosaicML Streaming: streams with proportions"
    ),
    "llamafactory": FormatKind(
        "llamafactory:LlamaFactory", ".yaml", "LLaMA-Factory: interleave_probs of a training"
    ),
    "llamafactory-v1": FormatKind(
        "llamafactory_one:LlamaFactoryOne", ".yaml", "LLaMA-Factory v1: factors on rows of sources"
    ),
    "axolotl": FormatKind("axolotl:Axolotl", ".yaml", "axolotl: share of each source's rows"),
    "ms-swift": FormatKind(
        "ms_swift:MsSwift", ".yaml", "ms-swift: rows of sources, or probabilities"
    ),
    "trl": FormatKind("trl:Trl", ".yaml", "TRL: fractions, of the first rows of sources"),
    "csv": FormatKind("plain:PlainCsv", ".csv", "a table of domains and shares of tokens"),
    "json": FormatKind("plain:PlainJson", ".json", "domains and shares of tokens"),
    "yaml": FormatKind("plain:PlainYaml", ".yaml", "domains and shares of tokens"),
}

# Trainers that are written under another name, and why.
ELSEWHERE = {
    "nemo": "NeMo 3 has no part for language models; use megatron-bridge, where it went",
    "nemo2": "NeMo 3 has no part for language models; use megatron-bridge, where it went",
    "nemo-automodel": "it reads Megatron's JSON file; use megatron with --settings"
    ' \'{"form": "automodel"}\'',
    "pai-megatron-patch": "it takes Megatron's arguments; use megatron",
    "megatron-energon": "use energon",
    "megatron-lm": "use megatron",
    "mcore": "use megatron-core",
    "litdata": "use litgpt, whose module holds a CombinedStreamingDataset of litdata",
    "datasets": "use hf",
    "olmo": "use olmo-core",
    "marin": "use levanter",
    "mosaicml": "use streaming",
    "mosaicml-streaming": "use streaming",
    "llm-foundry": "use streaming",
    "huggingface": "use hf",
    "llama-factory": "use llamafactory, or llamafactory-v1 for its version 1",
    "swift": "use ms-swift",
}


def is_known(name: str) -> bool:
    """Whether a format, or a trainer that is written under another name, is called so."""
    return name in FORMATS or name in ELSEWHERE


def listed() -> list[str]:
    """Returns a line a format: its name, and what it is for."""
    width = max(map(len, FORMATS)) + 2
    return [f"  {name:<{width}}{kind.purpose}" for name, kind in FORMATS.items()]


def entry(name: str, where: str = "--format") -> FormatKind:
    """Returns the registry's entry of a format.

    Args:
        name: of the format.
        where: what messages begin with.

    Raises:
        MixwrightError: the name is unknown; the message says which is meant.
    """
    if name in ELSEWHERE:
        raise MixwrightError(f"{where} {name}: {ELSEWHERE[name]}")
    if not name:
        raise MixwrightError(f"{where} is missing; name one of {', '.join(FORMATS)}")
    if name not in FORMATS:
        raise MixwrightError(f"{where} {name} is unknown; {nearest(name, FORMATS)}")
    return FORMATS[name]


def create(name: str, settings: Mapping[str, Any] | None = None) -> "Format":
    """Returns a format with the user's settings.

    Raises:
        MixwrightError: the format or a setting is unknown.
    """
    return entry(name).load_class().of(settings or {})
