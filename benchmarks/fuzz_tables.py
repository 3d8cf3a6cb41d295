"""Random mutations of valid pairs of CSV tables: the answer is the same, or one line says why not.

A harmless mutation, such as other row orders or a column of learning rates, must give the unmutated
runs. A harmful one, such as a lost cell or token counts in place of shares, must be refused in one
line. A column of random numbers among the mixtures may also be refused. Nothing may end in a
traceback, and nothing may give other runs.

python benchmarks/fuzz_tables.py [--pairs 10000] [--seed 0]

Prints how often each mutation was tried and refused; exits with 1 at the first that went wrong.
"""

import argparse
import io
import logging
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mixwright.errors import MixwrightError
from mixwright.measured.frames import Frame
from mixwright.measured.loss_tables import read_observations
from mixwright.observations import Observations

NAMES = ("web", "code", "wiki", "books", "papers", "news", "law", "maths", "id", "vi", "th")
TARGETS = ("prose", "questions", "code", "wiki", "chat", "memory")
KEYS = ("run", "id", "index", "name", "run_id", "Name")
KNOWN = ("lr", "learning_rate", "seed", "step", "tokens", "epoch", "batch_size", "total_flops")
LOGGED = ("_step", "_runtime", "_timestamp", "train/loss", "metric/train_loss", "grad_norm")


@dataclass
class Table:
    """A table that grows and changes: headings, and rows of text."""

    heading: list[str]
    rows: list[list[str]]
    key: int = 0
    # how the file is written
    separator: str = ","
    line_end: str = "\n"
    start: str = ""
    quoted: bool = False
    loose_end: bool = False
    encoding: str = "utf-8"

    def add(self, heading: str, cells: list[str], place: int) -> None:
        """Puts a column in."""
        self.heading.insert(place, heading)
        for row, cell in zip(self.rows, cells, strict=True):
            row.insert(place, cell)
        self.key += place <= self.key

    def text(self) -> str:
        """The file."""
        lines = []
        for cells in (self.heading, *self.rows):
            line = self.separator.join(map(self._cell, cells))
            lines.append(line + self.separator * self.loose_end)
        return self.start + self.line_end.join(lines) + self.line_end

    def _cell(self, cell: str) -> str:
        if self.quoted or self.separator in cell or '"' in cell:
            return '"' + cell.replace('"', '""') + '"'
        return cell


@dataclass
class Pair:
    """Both tables, what was done to them, and what must come of it."""

    mixtures: Table
    losses: Table
    domains: list[str]
    targets: list[str]
    weights: np.ndarray
    values: np.ndarray
    done: list[str] = field(default_factory=list)
    may_refuse: bool = False
    must_refuse: bool = False
    frames: bool = False

    def either(self, rng: np.random.Generator) -> Table:
        """One of the two tables."""
        return self.mixtures if rng.random() < 0.5 else self.losses


def make(rng: np.random.Generator) -> Pair:
    """Makes a valid pair: a few domains and targets, twelve runs or more, joined by ids."""
    runs = int(rng.integers(14, 40))
    domains = rng.permutation(NAMES)[: rng.integers(2, 8)].tolist()
    targets = rng.permutation(TARGETS)[: rng.integers(1, 5)].tolist()
    weights = rng.dirichlet(np.full(len(domains), 0.7), runs)
    decimals = int(rng.choice([3, 4, 6, 17]))
    weights = weights.round(decimals)
    values = 3 + rng.random((runs, len(targets)))
    for k, name in enumerate(targets):
        if name in domains:
            values[:, k] -= weights[:, domains.index(name)]
    values = values.round(int(rng.choice([3, 5, 17])))
    key = str(rng.choice(KEYS))
    if key in domains:
        key = "run"
    ids = [f"r{k:03d}" for k in range(runs)]
    if rng.random() < 0.3:
        ids = [str(k) for k in rng.permutation(1000)[:runs].tolist()]
    tables = []
    for names, numbers in ((domains, weights), (targets, values)):
        rows = [[run, *map(repr, row)] for run, row in zip(ids, numbers.tolist(), strict=True)]
        tables.append(Table([key, *names], rows))
    pair = Pair(*tables, domains, targets, weights, values)
    pair.done.append(f"decimals {decimals}, key {key}")
    return pair


def shuffle_rows(pair: Pair, rng: np.random.Generator) -> None:
    table = pair.either(rng)
    order = rng.permutation(len(table.rows)).tolist()
    table.rows[:] = [table.rows[k] for k in order]


def shuffle_columns(pair: Pair, rng: np.random.Generator) -> None:
    table = pair.either(rng)
    order = rng.permutation(len(table.heading)).tolist()
    table.heading[:] = [table.heading[k] for k in order]
    table.rows[:] = [[row[k] for k in order] for row in table.rows]
    table.key = order.index(table.key)


def lines_of_windows(pair: Pair, rng: np.random.Generator) -> None:
    pair.either(rng).line_end = "\r\n"


def byte_order_mark(pair: Pair, rng: np.random.Generator) -> None:
    pair.either(rng).start = "\ufeff"


def quotes(pair: Pair, rng: np.random.Generator) -> None:
    pair.either(rng).quoted = True


def comma_at_the_end(pair: Pair, rng: np.random.Generator) -> None:
    pair.either(rng).loose_end = True


def data_frames(pair: Pair, rng: np.random.Generator) -> None:
    pair.frames = True


def spaces(pair: Pair, rng: np.random.Generator) -> None:
    table = pair.either(rng)
    table.rows[:] = [[f" {cell} " for cell in row] for row in table.rows]


def row_numbers(pair: Pair, rng: np.random.Generator) -> None:
    """pandas writes the numbers of rows as a column without a heading."""
    for table in (pair.mixtures, pair.losses):
        if "" in table.heading:
            return
        table.add("", [str(k) for k in range(len(table.rows))], 0)


def words_beside(pair: Pair, rng: np.random.Generator) -> None:
    table = pair.either(rng)
    if "State" not in table.heading:
        cells = rng.choice(["finished", "crashed", ""], len(table.rows)).tolist()
        table.add("State", cells, int(rng.integers(0, len(table.heading) + 1)))


def second_name(pair: Pair, rng: np.random.Generator) -> None:
    """Another column of ids, which says the same."""
    for table in (pair.mixtures, pair.losses):
        if "name" not in table.heading and "name" not in pair.domains:
            table.add("name", [f"x{row[table.key].strip()}" for row in table.rows], 1)


def setting(pair: Pair, rng: np.random.Generator) -> None:
    """A learning rate, a seed or the like, in either table."""
    table = pair.either(rng)
    name = str(rng.choice(KNOWN))
    count = len(table.rows)
    values = {
        "lr": rng.choice([2e-4, 5e-4, 1e-3], count),
        "learning_rate": rng.uniform(1e-5, 1e-2, count),
        "step": np.full(count, 1000),
    }.get(name, rng.integers(0, 1 << 30, count))
    if name not in table.heading:
        table.add(name, list(map(repr, values.tolist())), int(rng.integers(1, len(table.heading))))


def logged(pair: Pair, rng: np.random.Generator) -> None:
    """What wandb logs beside the losses."""
    name = str(rng.choice(LOGGED))
    count = len(pair.losses.rows)
    values = rng.uniform(0, 5, count) + 1.7e9 * ("time" in name)
    if name not in pair.losses.heading:
        pair.losses.add(name, list(map(repr, values.tolist())), 1)


def standard_error(pair: Pair, rng: np.random.Generator) -> None:
    name = f"{pair.targets[0]}_stderr"
    values = rng.uniform(0.001, 0.01, len(pair.losses.rows))
    if name not in pair.losses.heading:
        pair.losses.add(name, list(map(repr, values.tolist())), len(pair.losses.heading))


def extremes(pair: Pair, rng: np.random.Generator) -> None:
    """wandb exports the least and the greatest value of a column beside it."""
    for end in ("__MIN", "__MAX"):
        name = f"{pair.targets[0]}{end}"
        if name not in pair.losses.heading:
            cells = [repr(3.0 + rng.random()) for _ in pair.losses.rows]
            pair.losses.add(name, cells, len(pair.losses.heading))


def constant(pair: Pair, rng: np.random.Generator) -> None:
    if "alpha" not in pair.losses.heading:
        pair.losses.add("alpha", ["0.1"] * len(pair.losses.rows), len(pair.losses.heading))


def noise(pair: Pair, rng: np.random.Generator) -> None:
    """A column of any numbers among the mixtures."""
    if "zeta" in pair.mixtures.heading:
        return
    count = len(pair.mixtures.rows)
    scale = 10 ** rng.uniform(-4, 6)
    kinds = (
        rng.normal(0, scale, count),
        rng.uniform(0, scale, count),
        rng.integers(0, 1000, count),
        rng.permutation(count),
    )
    values = kinds[rng.integers(0, len(kinds))]
    cells = list(map(repr, values.tolist()))
    pair.mixtures.add("zeta", cells, int(rng.integers(1, len(pair.mixtures.heading) + 1)))
    pair.may_refuse = True


def weights_beside_losses(pair: Pair, rng: np.random.Generator) -> None:
    """One table of everything: the weights stand among the losses too."""
    names = [name for name in pair.domains if name not in pair.losses.heading]
    if len(names) < len(pair.domains) or not set(names) <= set(pair.mixtures.heading):
        return
    where = [pair.mixtures.heading.index(name) for name in names]
    of_run = {row[pair.mixtures.key].strip(): row for row in pair.mixtures.rows}
    for name, k in zip(names, where, strict=True):
        cells = [of_run[row[pair.losses.key].strip()][k].strip() for row in pair.losses.rows]
        pair.losses.add(name, cells, len(pair.losses.heading))


def common_words(pair: Pair, rng: np.random.Generator) -> None:
    """Headings of programs: train_the_pile_web, val/web_loss."""
    for table, names, form in (
        (pair.mixtures, pair.domains, "train_the_pile_{}"),
        (pair.losses, pair.targets, "val/{}_loss"),
    ):
        for k, name in enumerate(table.heading):
            if k != table.key and name in names:
                table.heading[k] = form.format(name)


def other_key(pair: Pair, rng: np.random.Generator) -> None:
    """The ids have another heading in one table."""
    free = [name for name in KEYS if name not in pair.mixtures.heading + pair.losses.heading]
    table = pair.either(rng)
    table.heading[table.key] = free[0]


def scientific(pair: Pair, rng: np.random.Generator) -> None:
    table = pair.losses
    for row in table.rows:
        for k, name in enumerate(table.heading):
            if k != table.key and name in pair.targets:
                row[k] = f"{float(row[k]):.17e}"


HARMLESS = (
    shuffle_rows,
    shuffle_columns,
    lines_of_windows,
    byte_order_mark,
    quotes,
    comma_at_the_end,
    data_frames,
    spaces,
    row_numbers,
    words_beside,
    second_name,
    setting,
    logged,
    standard_error,
    extremes,
    constant,
    noise,
    weights_beside_losses,
    common_words,
    other_key,
    scientific,
)


def _cell(table: Table, rng: np.random.Generator, names: list[str]) -> tuple[list[str], int]:
    """A random cell that counts: its row and its position there."""
    heading = [k for k, name in enumerate(table.heading) if k != table.key and _of(name, names)]
    row = table.rows[rng.integers(0, len(table.rows))]
    return row, int(rng.choice(heading))


def _of(heading: str, names: list[str]) -> bool:
    words = (
        name
        for form in ("{}", "train_the_pile_{}", "val/{}_loss")
        for name in names
        if form.format(name) == heading
    )
    return any(words)


def lost_cell(pair: Pair, rng: np.random.Generator) -> None:
    pairs = ((pair.mixtures, pair.domains), (pair.losses, pair.targets))
    row, k = _cell(*_turned(pairs[rng.integers(0, 2)], rng))
    row[k] = str(rng.choice(["", "nan", "inf", "n/a"]))


def _turned(pair: tuple, rng: np.random.Generator) -> tuple:
    return pair[0], rng, pair[1]


def strange_cell(pair: Pair, rng: np.random.Generator) -> None:
    pairs = ((pair.mixtures, pair.domains), (pair.losses, pair.targets))
    row, k = _cell(*_turned(pairs[rng.integers(0, 2)], rng))
    row[k] = str(rng.choice(["much", "3_1439", "0,5", "45 %", "1.2.3"]))


def semicolons(pair: Pair, rng: np.random.Generator) -> None:
    table = pair.either(rng)
    table.separator = ";"
    table.rows[:] = [[cell.replace(".", ",") for cell in row] for row in table.rows]
    pair.frames = False


def counts(pair: Pair, rng: np.random.Generator) -> None:
    """Tokens, or percent, in place of shares."""
    factor = float(rng.choice([100.0, 1e9]))
    for row in pair.mixtures.rows:
        for k, name in enumerate(pair.mixtures.heading):
            if k != pair.mixtures.key and _of(name, pair.domains):
                row[k] = repr(float(row[k]) * factor)


def lost_row(pair: Pair, rng: np.random.Generator) -> None:
    table = pair.either(rng)
    del table.rows[rng.integers(0, len(table.rows))]
    if "" in table.heading:
        table.rows[0][table.heading.index("")] = "77"


def id_twice(pair: Pair, rng: np.random.Generator) -> None:
    table = pair.either(rng)
    table.rows.append(list(table.rows[rng.integers(0, len(table.rows))]))


def heading_twice(pair: Pair, rng: np.random.Generator) -> None:
    table = pair.either(rng)
    names = pair.domains if table is pair.mixtures else pair.targets
    _, k = _cell(table, rng, names)
    table.add(table.heading[k], [cells[k] for cells in table.rows], len(table.heading))
    pair.frames = False


def shares_of_right_answers(pair: Pair, rng: np.random.Generator) -> None:
    """Numbers from 0 to 1 without a word that says what they are."""
    table = pair.losses
    for row in table.rows:
        for k, name in enumerate(table.heading):
            if k != table.key and _of(name, pair.targets):
                row[k] = repr(0.2 + 0.5 * rng.random())
                table_name = next(part for part in pair.targets if _of(name, [part]))
    for k, name in enumerate(table.heading):
        if k != table.key and _of(name, pair.targets):
            table.heading[k] = next(part for part in pair.targets if _of(name, [part]))
    assert table_name


def wide_bytes(pair: Pair, rng: np.random.Generator) -> None:
    pair.either(rng).encoding = "utf-16"
    pair.frames = False


def negative(pair: Pair, rng: np.random.Generator) -> None:
    row, k = _cell(pair.mixtures, rng, pair.domains)
    row[k] = repr(-0.1 - float(row[k]))


def no_ids(pair: Pair, rng: np.random.Generator) -> None:
    """The ids of one table are others."""
    table = pair.either(rng)
    for table in (pair.mixtures, pair.losses):
        if "name" in table.heading or "" in table.heading:
            for k in sorted({table.heading.index(n) for n in ("name", "") if n in table.heading}):
                for number, row in enumerate(table.rows):
                    row[k] = row[k] if k == table.key else f"z{number}{id(table)}"
    table = pair.either(rng)
    for number, row in enumerate(table.rows):
        row[table.key] = f"other{number}"


HARMFUL = (
    lost_cell,
    strange_cell,
    semicolons,
    counts,
    lost_row,
    id_twice,
    heading_twice,
    shares_of_right_answers,
    wide_bytes,
    negative,
    no_ids,
)


def mutate(rng: np.random.Generator) -> Pair:
    """Returns a pair with up to four harmless mutations, and in a third of cases a harmful one."""
    pair = make(rng)
    chosen = []
    for k in rng.permutation(len(HARMLESS))[: rng.integers(1, 5)].tolist():
        chosen.append(HARMLESS[k])
    if rng.random() < 1 / 3:
        chosen.append(HARMFUL[rng.integers(0, len(HARMFUL))])
        pair.must_refuse = True
    for mutation in chosen:
        mutation(pair, rng)
        pair.done.append(mutation.__name__)
    return pair


def read(pair: Pair, folder: Path) -> Observations:
    """Reads both tables, from files or as DataFrames."""
    parts: list[Path | Frame] = []
    for name, table in (("mixtures", pair.mixtures), ("losses", pair.losses)):
        if pair.frames:
            parts.append(Frame(name, pd.read_csv(io.StringIO(table.text().lstrip("\ufeff")))))
            continue
        path = folder / f"{name}.csv"
        path.write_bytes(table.text().encode(table.encoding))
        parts.append(path)
    return read_observations([parts[0]], [parts[1]])


def fault(pair: Pair, folder: Path) -> str:
    """Returns what went wrong; `refused` where a pair was refused that may be."""
    try:
        runs = read(pair, folder)
    except MixwrightError as error:
        if "\n" in str(error):
            return f"more than one line: {error}"
        return "refused" if pair.may_refuse or pair.must_refuse else f"refused: {error}"
    except Exception as error:  # a traceback is what is looked for
        return f"traceback: {type(error).__name__}: {error}"
    if pair.must_refuse:
        return f"not refused: {runs.domains} {runs.targets}"
    return _difference(pair, runs)


def _difference(pair: Pair, runs: Observations) -> str:
    """Returns how the runs differ from those that the pair was made of; empty where they do not."""
    if runs.metrics:
        return f"metrics {runs.metrics}"
    weights = pair.weights / pair.weights.sum(axis=1, keepdims=True)
    for names, now, values, form, numbers in (
        (pair.domains, runs.domains, runs.weights, "train_the_pile_{}", weights),
        (pair.targets, runs.targets, runs.losses, "val/{}_loss", pair.values),
    ):
        long = [form.format(name) for name in names]
        if sorted(now) not in (sorted(names), sorted(long)):
            return f"names {now} of {names}"
        order = [now.index(name if name in now else form.format(name)) for name in names]
        ours = values[:, order]
        if len(ours) != len(numbers):
            return f"{len(ours)} runs of {len(numbers)}"
    return _rows(pair, runs, weights)


def _rows(pair: Pair, runs: Observations, weights: np.ndarray) -> str:
    """Compares each run's weights and losses with those that belong together."""
    domains = [_index(runs.domains, name, "train_the_pile_{}") for name in pair.domains]
    targets = [_index(runs.targets, name, "val/{}_loss") for name in pair.targets]
    ours = np.hstack([runs.weights[:, domains], runs.losses[:, targets]])
    wanted = np.hstack([weights, pair.values])
    ours = ours[np.lexsort(ours.T)]
    wanted = wanted[np.lexsort(wanted.T)]
    if not np.allclose(ours, wanted, atol=1e-9):
        return "runs are joined otherwise, or their numbers are others"
    return ""


def _index(names: tuple[str, ...], name: str, form: str) -> int:
    return names.index(name if name in names else form.format(name))


def fuzz(pairs: int, seed: int = 0) -> tuple[Counter[str], list[str]]:
    """Returns how often each mutation was tried and refused, and what went wrong."""
    rng = np.random.default_rng(seed)
    counts_of: Counter[str] = Counter()
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(pairs):
            pair = mutate(rng)
            outcome = fault(pair, Path(folder))
            counts_of["refused" if outcome == "refused" else "read"] += 1
            counts_of.update(pair.done[1:])
            if outcome not in ("", "refused"):
                faults.append(f"pair {number}: {', '.join(pair.done)}: {outcome}")
    return counts_of, faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.disable(logging.INFO)
    counts_of, faults = fuzz(options.pairs, options.seed)
    print(f"{options.pairs} pairs, seed {options.seed}: {len(faults)} went wrong")
    for name, count in counts_of.most_common():
        print(f"  {name:<24}{count:>7}")
    for line in faults[:20]:
        print(line)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
