"""litgpt: a data module whose training set is a CombinedStreamingDataset of litdata.

    number  a weight; weights are divided by their sum; a zero is never drawn
    unit    blocks of one length, drawn at random
    end     iterate_over_all=False: the epoch ends with the first source that ends. `litgpt
            pretrain` starts all of them again, newly shuffled, so that the training goes on and
            the rest of the larger sources is left out. iterate_over_all=True, litdata's default,
            is refused together with weights.
    seed    alike in all workers and on all devices: each draws the same sequence of sources, so
            that shares scatter as those of a training that is as many times shorter
    batches batching_method "per_stream" never takes a source twice in turn: shares w become
            w (1 - w), divided by their sum

There is no key of a config for it, so that the file is a module of one's own.
Read in litdata 0.2.76: streaming/combined.py; litgpt 0.5.13: data/tinyllama.py, pretrain.py,
utils.py (CycleIterator).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    CHANGED,
    ENDS,
    REFUSED,
    REMARK,
    SEQUENCES,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
)
from mixwright.proposals.export.rules.arithmetic import (
    expected,
    first_exhausted,
    never_drawn,
    normalised,
    numbers_of,
)
from mixwright.proposals.export.rules.noise import scatter, standard_error
from mixwright.proposals.export.text.python_source import arguments, calls, constants, parsed
from mixwright.proposals.export.text.quoting import commented, python_text

PER_STREAM = "per_stream"
PARAMETERS = (
    "datasets",
    "seed",
    "weights",
    "iterate_over_all",
    "batching_method",
    "force_override_state_dict",
)
MODULE = '''
# folder of the validation blocks; None: none
VALIDATION = None


@dataclass
class Mixture(DataModule):
    """The mixture: `litgpt pretrain --data mixture.Mixture`, or `data=` of litgpt.pretrain."""

    seed: int = {seed}
    num_workers: int = {workers}
    batch_size: int = field(init=False, repr=False, default=1)
    block: int = field(init=False, repr=False, default=2049)

    def __post_init__(self):
        super().__init__()

    def connect(self, tokenizer=None, batch_size=1, max_seq_length=None, **kwargs):
        self.batch_size = batch_size
        # a block holds the next token too
        self.block = max_seq_length + 1

    def source(self, folder):
        return StreamingDataset(
            input_dir=folder,
            item_loader=TokensLoader(block_size=self.block),
            shuffle=True,
            drop_last=True,
        )

    def train_dataloader(self):
        mixed = CombinedStreamingDataset(
            [self.source(folder) for folder in WEIGHTS],
            weights=list(WEIGHTS.values()),
            iterate_over_all=False,
            seed=self.seed,
        )
        return self.loader(mixed)

    def val_dataloader(self):
        return None if VALIDATION is None else self.loader(self.source(VALIDATION))

    def loader(self, dataset):
        return StreamingDataLoader(
            dataset,
            batch_size=self.batch_size,
            pin_memory=True,
            num_workers=self.num_workers,
            drop_last=True,
        )
'''


@dataclass(frozen=True)
class LitGpt(Format):
    """Writes a module with a data module, `Mixture`."""

    name = "litgpt"
    trainer = "litgpt (read 0.5.13, with litdata 0.2.76)"
    unit = SEQUENCES
    meaning = "Each number is a weight of blocks, which are drawn at random."
    suffix = ".py"
    # num_workers: of the loader. devices: of the training. Each worker draws the same sources.
    defaults: ClassVar[Mapping[str, Any]] = {"num_workers": 8, "devices": 1}

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        lines = []
        for entry in blend.entries:
            comment = self._expected(document, blend, entry)
            lines.append(f"    {python_text(entry.path)}: {entry.number!r},{comment}\n")
        module = MODULE.format(
            seed=document.order.seed,
            workers=self.settings["num_workers"],
        )
        return (
            f"{commented(document.header, '# ')}"
            "from dataclasses import dataclass, field\n\n"
            "from litdata.streaming import (\n"
            "    CombinedStreamingDataset,\n"
            "    StreamingDataLoader,\n"
            "    StreamingDataset,\n"
            "    TokensLoader,\n"
            ")\n"
            "from litgpt.data import DataModule\n\n"
            "# folder of blocks -> weight\n"
            f"WEIGHTS = {{\n{''.join(lines)}}}\n"
            f"{module}"
        )

    def _expected(self, document: Document, blend: Blend, entry: Entry) -> str:
        """Returns the comment on a source: how many of its blocks are expected."""
        order = document.order
        (stage,) = order.stages
        if stage.tokens is None or order.sequence is None:
            return ""
        draws = stage.tokens / order.sequence
        mean = draws * entry.number / float(numbers_of(blend).sum())
        error = standard_error(mean, draws, self._streams())
        return f"  # {mean:,.6g} blocks expected, standard error {error:,.2g}"

    def _streams(self) -> int:
        streams: int = self.settings["num_workers"] * self.settings["devices"]
        return streams

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        tree = parsed(text, where)
        values = constants(tree) | _assigned(text, where)
        for call in calls(tree, "CombinedStreamingDataset"):
            written = arguments(call, PARAMETERS, values)
            weights = written.get("weights")
            if not isinstance(weights, list | tuple):
                continue
            entries = []
            for name, number in zip(_names(values, weights), weights, strict=True):
                entries.append(Entry(name, _number(number, name, where)))
            settings = {
                "iterate_over_all": written.get("iterate_over_all", True),
                "batching_method": written.get("batching_method") or "stratified",
            }
            return (Blend(tuple(entries), settings),)
        raise MixwrightError(
            f"{where}: no CombinedStreamingDataset with a list of weights stands there;"
            " write the numbers into the file"
        )

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        faults = list(_refused(blend))
        units = expected(self.unit, blend, budget)
        if blend.settings.get("batching_method") == PER_STREAM:
            changed, more = _per_stream(blend)
            units = changed * units.sum()
            faults += more
        faults += never_drawn(blend, units)
        faults += scatter(blend, units, "blocks", self._streams())
        for fault in first_exhausted(self.unit, units, blend, budget):
            faults.append(_again(fault))
        return Drawn(units, tuple(faults), random=True)


def _again(fault: Fault) -> Fault:
    """What litgpt makes of the end of an epoch: it starts all sources again."""
    when = fault.message.split("ends at ")[1].split(" (")[0]
    message = f"an epoch ends at {when}; litgpt starts all sources again, newly shuffled"
    return Fault(REMARK, f"{message}, and leaves out what it did not reach of the others")


def _refused(blend: Blend) -> list[Fault]:
    faults = []
    if blend.settings.get("iterate_over_all"):
        message = "iterate_over_all is True, litdata's default, and refused with weights"
        faults.append(Fault(REFUSED, f"{message}; write iterate_over_all=False"))
    for entry in blend.entries:
        if entry.number < 0:
            message = f"{entry.path} has {entry.number:g}: litdata draws nonsense below 0"
            faults.append(Fault(CHANGED, f"{message}; leave the source out"))
    if not normalised(blend).any():
        faults.append(Fault(REFUSED, "no number is above 0; give one source a weight"))
    return faults


def _per_stream(blend: Blend) -> tuple[Array, list[Fault]]:
    """Returns (entries,) shares of batches that never come twice in turn from one source.

    It is the stationary distribution of that chain: w (1 - w), divided by its sum.
    """
    shares = normalised(blend)
    turns = shares * (1 - shares)
    if np.count_nonzero(shares) < 2:
        message = "per_stream looks for another source without end; write batching_method"
        return shares, [Fault(ENDS, f'{message}="stratified"')]
    message = "per_stream never takes a source twice in turn, and flattens the shares"
    fault = Fault(CHANGED, f'{message}; write batching_method="stratified"')
    return turns / turns.sum(), [fault]


def _assigned(text: str, where: str) -> dict[str, Any]:
    """Returns name -> value of the literals that functions assign, such as litgpt's own modules."""
    values: dict[str, Any] = {}
    tree = parsed(text, where)
    for node in list(tree.body):
        for inner in getattr(node, "body", []):
            if hasattr(inner, "body"):
                tree.body = inner.body
                values |= constants(tree)
    return values


def _names(values: Mapping[str, Any], weights: Any) -> list[str]:
    """Returns the keys of the constant that holds the weights, or numbers."""
    for value in values.values():
        if isinstance(value, Mapping) and list(value.values()) == list(weights):
            return [str(name) for name in value]
    return [f"source {number}" for number in range(1, len(weights) + 1)]


def _number(value: Any, name: str, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise MixwrightError(f"{where}: the weight of {name} is {value!r}; write a number")
    return float(value)
