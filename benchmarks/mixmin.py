"""MixMin's solver against five rivals, in CPU-seconds from log-likelihoods to a certified gap.

The rivals are the published loop, expectation maximisation, exponentiated gradient run to the same
gap, scipy's SLSQP and R's mixsqp. All have one thread, and the figures are ratios within one run.
Then come the solver's memory, and how much of the attainable gain the published loop reaches on
likelihoods like those of language models.

OMP_NUM_THREADS=1 python benchmarks/mixmin.py [--quick]
"""

import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize

from mixwright.mixers.mixmin.mixmin import solve
from mixwright.mixers.mixmin.ratios import Ratios, example_weights
from mixwright.numerics.sqp import Region

QUICK = "--quick" in sys.argv
SHAPES = (
    [(7, 10_000), (7, 100_000), (100, 10_000)]
    if QUICK
    else [(7, 10_000), (7, 1_000_000), (100, 100_000), (100, 1_000_000)]
)
LIMIT = 3.0 if QUICK else 60.0  # CPU-seconds that a rival is given
TOLERANCE, REPEATS, SEEDS = 1e-6, 3, 3 if QUICK else 10
MIXSQP = """
library(mixsqp)
arguments <- commandArgs(TRUE)
n <- as.integer(arguments[1])
m <- as.integer(arguments[2])
values <- matrix(readBin(arguments[3], "double", n * m), n, m)
start <- proc.time()
fit <- mixsqp(values, log = TRUE, control = list(verbose = FALSE, tol.svd = 0))
cat(sum((proc.time() - start)[1:2]), format(fit$x, digits = 17), "\\n")
"""
Answer = tuple[float, float | None]  # CPU-seconds, gap (none: not run)


def problem(domains: int, examples: int, kind: str) -> np.ndarray:
    """Draws log-likelihoods (examples, domains) in float32.

    easy: each example is clearly of one domain. hard: proxies are near copies, except along four
    directions.
    """
    rng = np.random.default_rng([domains, examples])
    origin = rng.choice(domains, examples, p=rng.dirichlet(np.full(domains, 0.5)))
    values = rng.standard_normal((examples, domains), dtype=np.float32)
    if kind == "hard":
        values *= 0.1
        values += rng.normal(0, 3, (examples, 1)).astype(np.float32)
        values += rng.standard_normal((examples, 4), dtype=np.float32) @ rng.normal(
            0, 0.1, (4, domains)
        ).astype(np.float32)
    values[np.arange(examples), origin] += 4 if kind == "easy" else 0.2
    return values


def gap(values: np.ndarray, weights: np.ndarray) -> float:
    """Certified in float64."""
    weights = np.maximum(weights, 0)
    m = values.shape[1]
    point = Ratios.of(values, example_weights(None, len(values))).at(weights / weights.sum())
    return Region(np.zeros(m), np.ones(m)).gap(point)


def timed(call: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = time.process_time()
    weights = call()
    return time.process_time() - start, weights


def ours(values: np.ndarray) -> Answer:
    runs = [timed(lambda: solve(values, tolerance=TOLERANCE).weights) for _ in range(REPEATS)]
    return float(np.median([seconds for seconds, _ in runs])), gap(values, runs[0][1])


def published(values: np.ndarray) -> Answer:
    seconds, weights = timed(lambda: solve(values, method="published").weights)
    return seconds, gap(values, weights)


def first_order(
    update: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Callable[[np.ndarray], Answer]:
    """Full-batch steps from uniform until the gap closes or the time is up.

    The passes over the data are ours.
    """

    def run(values: np.ndarray) -> Answer:
        start, m = time.process_time(), values.shape[1]
        ratios, region, w = (
            Ratios.of(values, example_weights(None, len(values))),
            Region(np.zeros(m), np.ones(m)),
            np.full(m, 1 / m),
        )
        while (
            remaining := region.gap(point := ratios.at(w))
        ) > TOLERANCE and time.process_time() - start < LIMIT:
            w = update(w, point.gradient)
            w = w / w.sum()
        return time.process_time() - start, remaining

    return run


def slsqp(values: np.ndarray) -> Answer:
    m = values.shape[1]
    if m > 20:
        return np.nan, None  # over a minute
    start = time.process_time()
    ratios = Ratios.of(values, example_weights(None, len(values)))

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        point = ratios.at(w)
        return point.value, point.gradient

    total = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(m)}
    options = {"ftol": 1e-12, "maxiter": 1000}
    result = minimize(
        objective,
        np.full(m, 1 / m),
        jac=True,
        bounds=[(0, 1)] * m,
        constraints=total,
        method="SLSQP",
        options=options,
    )
    return time.process_time() - start, gap(values, result.x)


def mixsqp(values: np.ndarray) -> Answer:
    if not installed() or values.size > 20_000_000:
        return np.nan, None
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table"
        np.asfortranarray(values, dtype=np.float64).T.tofile(table)
        command = ["Rscript", "-e", MIXSQP, *map(str, values.shape), str(table)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # R prints its CPU-seconds, then one weight for each domain.
    words = output.split()
    domains = values.shape[1]
    weights = np.array(words[-domains:], dtype=np.float64)
    return float(words[-domains - 1]), gap(values, weights)


def installed() -> bool:
    return (
        bool(shutil.which("Rscript"))
        and not subprocess.run(["Rscript", "-e", "library(mixsqp)"], capture_output=True).returncode
    )


RIVALS = {
    "published, 100 steps": published,
    "EM": first_order(lambda w, gradient: -w * gradient),
    "EG to the gap": first_order(lambda w, gradient: w * np.exp(gradient.min() - gradient)),
    "SLSQP": slsqp,
    "R mixsqp": mixsqp,
}


def solvers() -> Table:
    table = Table(
        "problem",
        "ours, CPU-s",
        "gap",
        *RIVALS,
        title=f"CPU-s to a gap of {TOLERANCE:g} over ours (gap where it ended)",
    )
    for domains, examples in SHAPES:
        for kind in ("easy", "hard"):
            values = problem(domains, examples, kind)
            seconds, reached = ours(values)
            row = [
                f"{spent / seconds:.1f} ({left:.0e})" if left is not None else "-"
                for spent, left in (f(values) for f in RIVALS.values())
            ]
            table.add_row(
                f"{domains} x {examples:,} {kind}", f"{seconds:.3f}", f"{reached:.0e}", *row
            )
    return table


def memory() -> str:
    """What the solver holds beside its input, over the input."""
    shares = []
    for domains, examples in SHAPES[1:3]:
        values = problem(domains, examples, "hard")
        tracemalloc.start()
        solve(values)
        peak = tracemalloc.get_traced_memory()[1]
        shares.append(f"{domains} x {examples:,}: {1 + peak / values.nbytes:.2f}")
        tracemalloc.stop()
    return "memory, input included, over the float32 input: " + ", ".join(shares)


def like_language(domains: int, tokens: int, seed: int) -> np.ndarray:
    """Draws log-likelihoods (examples, domains) of examples with `tokens` tokens each.

    Each example has the greatest likelihood under the proxy of its domain, by .02 to .1 nats/token.
    """
    rng = np.random.default_rng([seed, domains])
    origin = rng.choice(domains, 2_000, p=rng.dirichlet(np.full(domains, 0.7)))
    behind = rng.uniform(0.02, 0.1, (domains, domains)) * (1 - np.eye(domains))
    return -tokens * (3 + behind[origin]) + np.sqrt(tokens) * rng.normal(0, 0.1, (2_000, domains))


def share(domains: int, tokens: int, seed: int) -> float:
    """Share of the attainable gain over uniform that the published loop reaches.

    The loop starts at uniform and takes 100 steps.
    """
    values = like_language(domains, tokens, seed)
    a = np.full(len(values), 1 / (len(values) * tokens))
    start = Ratios.of(values, a).at(np.full(domains, 1 / domains)).value
    best, reached = solve(values, a), solve(values, a, method="published")
    assert best.converged
    return (start - reached.objective) / (start - best.objective)


def shares() -> Table:
    table = Table(
        "tokens an example",
        "7 domains",
        "22 domains",
        title=f"share of the attainable gain after the published 100 steps, {SEEDS} seeds",
    )
    for tokens in (37, 900):
        percents = [
            [100 * share(domains, tokens, seed) for seed in range(SEEDS)] for domains in (7, 22)
        ]
        table.add_row(
            str(tokens),
            *(f"{np.mean(each):.0f} % ({min(each):.0f} to {max(each):.0f})" for each in percents),
        )
    return table


def main() -> None:
    console = Console()
    console.print(solvers())
    console.print(
        f"Rivals are given {LIMIT:g} CPU-seconds. "
        "-: not run (SLSQP over 20 domains, R over 20 million cells)"
    )
    if not installed():
        console.print("R's mixsqp is not installed (Debian: r-cran-mixsqp) and was left out")
    console.print(memory())
    console.print(shares())


if __name__ == "__main__":
    main()
