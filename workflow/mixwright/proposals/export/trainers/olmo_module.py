"""The Python module of OLMo-core's composable sources: a mixture a stage, and their data loader.

Written for ai2-olmo-core 3.0.0: olmo_core/data/composable/__init__.py.
"""

import math

from mixwright.proposals.export.base import Document
from mixwright.proposals.export.blend import Blend, Budget, Entry, Size
from mixwright.proposals.export.order import Stage
from mixwright.proposals.export.text.quoting import commented, python_text
from mixwright.proposals.export.trainers.olmo_rule import (
    repetition_that_covers,
    tokens_of_sequences,
)

# Sources of a stage are sampled by the stage's seed and those that follow it.
SEEDS_OF_A_STAGE = 100_000

HEAD = '''\
from olmo_core.data import TokenizerConfig
from olmo_core.data.composable import (
    ComposableDataLoader,
    ConcatAndChunkInstanceSource,
    MixingInstanceSource,
    NumpyDocumentSource,
    ShuffleStrategy,
)

# The tokenizer that made the files.
TOKENIZER = TokenizerConfig.dolma2()
SEQUENCE_LENGTH = {sequence}


def instances(name, *paths):
    """Returns the sequences of a source."""
    tokens = NumpyDocumentSource.Config(source_paths=list(paths), tokenizer=TOKENIZER)
    return ConcatAndChunkInstanceSource.Config(
        sources=[tokens], label=name, sequence_length=SEQUENCE_LENGTH
    )


# Each stage samples its sources anew: what a stage read may come again in the next.
MIXTURES = [
'''

TAIL = '''\
]


def data_loader(work_dir, global_batch_size):
    """Returns the loader that reads the mixtures in turn; global_batch_size is in tokens."""
    return ComposableDataLoader.Config(
        tokenizer=TOKENIZER,
        global_batch_size=global_batch_size,
        shuffle_strategy=ShuffleStrategy.intra_source,
    ).build(*[mixture.build(work_dir) for mixture in MIXTURES], work_dir=work_dir)
'''


def write(document: Document) -> str:
    """Returns a module with a mixture a stage, and the data loader of them."""
    sequence = document.order.sequence
    shown = f"{sequence}"
    if sequence is None:
        shown = "8192  # fill this in: tokens of a sequence"
    text = commented(document.header, "# ")
    text += HEAD.format(sequence=shown)
    for place, blend in enumerate(document.blends):
        stage = document.order.stages[place]
        seed = document.order.seed + SEEDS_OF_A_STAGE * place
        text += _mixture(document, blend, stage, seed)
    return text + TAIL


def _mixture(
    document: Document,
    blend: Blend,
    stage: Stage,
    seed: int,
) -> str:
    """Returns the call that makes the mixture of a stage."""
    wanted = _whole_sequences(stage.tokens, document.order.sequence)
    lines = [
        "    MixingInstanceSource.Config(\n",
        "        source_specs=[\n",
    ]
    for entry in blend.entries:
        lines.append(_spec(document, entry, wanted))
    lines.append("        ],\n")
    if stage.name:
        label = python_text(stage.name)
        lines.append(f"        label={label},\n")
    if wanted is not None:
        lines.append(f"        num_tokens={wanted},\n")
    lines.append(f"        seed={seed},\n")
    lines.append("    ),\n")
    return "".join(lines)


def _whole_sequences(
    tokens: float | None,
    sequence: int | None,
) -> int | None:
    """Returns the tokens of whole sequences; all tokens where nobody said what a sequence holds."""
    if tokens is None:
        return None
    length = sequence or 1
    return int(tokens // length) * length


def _spec(
    document: Document,
    entry: Entry,
    wanted: int | None,
) -> str:
    """Returns the call that makes a source of a mixture of `wanted` tokens."""
    source = document.sources[entry.path]
    name = python_text(entry.path)
    paths = [python_text(path) for path in source.listed]
    joined = ", ".join(paths)
    factor = 1.0
    if source.tokens is not None and wanted is not None:
        sizes = {entry.path: Size(tokens=source.tokens)}
        budget = Budget(sequence=document.order.sequence, sizes=sizes)
        tokens = tokens_of_sequences(entry, budget)
        of_source = math.ceil(wanted * entry.number)
        factor = repetition_that_covers(of_source, tokens)
    return (
        "            MixingInstanceSource.Spec.Config(\n"
        f"                source=instances({name}, {joined}),\n"
        f"                ratio={entry.number!r},\n"
        f"                max_repetition_factor={factor!r},\n"
        f"                label={name},\n"
        "            ),\n"
    )
