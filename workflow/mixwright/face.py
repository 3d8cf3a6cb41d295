"""mixwright from Python: what `import mixwright` offers.

The functions are those of the command line: the same inputs give the same numbers. Weights are
shares of 1. What a target's numbers are, its metric says: losses in nats/token where nobody said
otherwise; answers are in the same unit. Every mistake raises `mixwright.errors.MixwrightError`,
whose one line names the fix.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from mixwright.errors import MixwrightError
from mixwright.goal import Proposal
from mixwright.measured.decisions import ColumnOptions
from mixwright.measured.frames import Frame
from mixwright.measured.loss_tables import Table, as_mixtures, read_observations
from mixwright.mixture import Mixture
from mixwright.numerics.threads import one_thread
from mixwright.observations import Observations
from mixwright.proposals.fits import Fit
from mixwright.proposals.options import make_options
from mixwright.report.own.drawn import write_page
from mixwright.report.own.gathering import gather
from mixwright.report.own.page import Place
from mixwright.trust.bootstrap import DRAWS
from mixwright.trust.proposal import propose_within
from mixwright.trust.surface.proposing import propose_from
from mixwright.trust.surface.reading import open_fit
from mixwright.trust.surface.surface import Surface
from mixwright.trust.tournament import standings, tournament

# A table: a CSV or parquet file, or a DataFrame; the workflow's own tables may come in parts.
Part: TypeAlias = str | Path | pd.DataFrame
Parts: TypeAlias = Part | Sequence[Part]
# One mixture, domain -> share or a Mixture.
One: TypeAlias = Mapping[str, float] | Mixture


def read_runs(
    mixtures: Parts,
    losses: Parts,
    *,
    realised: Parts | None = None,
    loglikelihoods: Parts | None = None,
    diverged: str = "refuse",
    domains: Iterable[str] | None = None,
    targets: Iterable[str] | None = None,
    key: str | None = None,
    higher_better: Iterable[str] | str = (),
    unit: Mapping[str, str] | Iterable[str] | str = (),
    metric: Mapping[str, str] | Iterable[str] | str = (),
) -> Observations:
    """Reads runs: their mixtures and the losses that they reached, joined by the runs' ids.

    A table has one row a run. What its columns are is decided by what they hold and by their
    headings, and logged; what stays open is refused with the argument that settles it.

    Args:
        mixtures: (runs, domains) weights, shares of 1.
        losses: (runs, targets) losses, nats/token.
        realised: tokens that each run took from each domain; with the workflow's own tables only.
        loglikelihoods: of the targets' examples; with the workflow's own tables only.
        diverged: what becomes of runs without a finite loss: `refuse` or `drop`.
        domains: columns of `mixtures` that are domains; None: those that sum to 1.
        targets: columns of `losses` that are targets; None: by their headings and values.
        key: heading of the column that tells the runs apart; None: the one on which both agree.
        higher_better: targets of which more is better, such as accuracies.
        unit: target -> unit, or the unit of all targets: `nats/token`, `bits/byte`, `perplexity`.
        metric: target -> kind of number, such as `accuracy,questions=1172,chance=.25`, or words
            `TARGET=KIND`.

    Returns:
        The runs, sorted by id, with domains and targets sorted by name. `losses` holds what mixers
        minimise, `measured` the numbers of the table.

    Raises:
        MixwrightError: a table cannot be read, the tables do not fit together, or it is open what
            a column is.
    """
    options = ColumnOptions(
        domains=_words(domains),
        targets=_words(targets),
        key=None if key is None else str(key),
        higher_better=_words(higher_better),
        unit=_words(unit),
        metric=_words(metric),
    )
    return read_observations(
        _parts("mixtures", mixtures),
        _parts("losses", losses),
        _parts("realised", realised),
        _parts("loglikelihoods", loglikelihoods),
        diverged=diverged,
        options=options,
    )


@one_thread
def fit(runs: Observations, mixer: str = "effective-data", **settings: Any) -> Fit:
    """Fits a mixer to runs.

    Args:
        runs: what `read_runs` returned.
        mixer: name of the mixer, such as `effective-data` or `regmix`.
        settings: settings of the mixer.

    Returns:
        The fit; `fit.save(folder)` writes it as `mixwright fit` does.

    Raises:
        MixwrightError: the mixer or a setting is unknown, or it needs other or more runs.
    """
    _check_runs("fit", runs)
    return Fit.of(runs, mixer, settings)


@one_thread
def predict(
    fit: Fit | Surface, mixtures: pd.DataFrame | str | Path | One | Sequence[One]
) -> pd.DataFrame:
    """Predicts what the targets measure of mixtures.

    Args:
        fit: a fit, or a surface that was handed over.
        mixtures: a DataFrame or file with a row a mixture and a column a domain, the file that
            `propose` wrote, one mixture as a dict or `Mixture`, or a list of these. Weights are
            shares of 1 of all domains of the fit.

    Returns:
        (mixtures, targets) numbers, each target's in its own unit (losses, nats/token, where
        nobody said otherwise), at the scale of the runs; indexed by mixture.

    Raises:
        MixwrightError: the mixer predicts no losses, or the mixtures are not of the fit's domains.
    """
    _check_fit("predict", fit)
    table = as_mixtures(mixtures, fit.domains)
    index = pd.Index(table.ids, name=table.key)
    return pd.DataFrame(fit.predict(table), index=index, columns=list(fit.mixer.targets))


@one_thread
def propose(
    fit: Fit | Surface,
    *,
    targets: Mapping[str, float] | Iterable[str] | str | None = None,
    caps: Mapping[str, float] | None = None,
    floors: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    groups: Mapping[str, Mapping[str, Any]] | Sequence[str] | None = None,
    available: Mapping[str, float] | None = None,
    tokens: float | None = None,
    max_epochs: float | None = None,
    never_worse: Iterable[str] | str = (),
    draws: int = DRAWS,
    seed: int = 0,
) -> Proposal:
    """Chooses the best mixture inside the bounds, and says how far to trust it.

    Args:
        fit: a fit, or a surface that was handed over: it has no gain over natural.
        targets: target -> weight in the objective, or targets of equal weight; None: the goal of
            the runs' study, or all of them. Targets of different units need weights.
        caps: domain -> largest weight.
        floors: domain -> least weight.
        fixed: domain -> weight.
        groups: limits of sums of weights: `["code+web<=0.7"]`, or name -> {"domains": [...],
            "least": x, "most": y}.
        available: domain -> tokens there are, of every domain. Without it the mean of the runs'
            mixtures stands for the natural one.
        tokens: training tokens of the final run.
        max_epochs: the most passes over a domain; needs `available` and `tokens`.
        never_worse: targets, or `all`, that must not be predicted worse than at natural.
        draws: refits of the mixer that give the intervals; 0: no intervals.
        seed: seed of whatever is drawn.

    Returns:
        The mixture, predictions in the targets' units, intervals, the gain over natural, the gap to
        the optimum of what was fitted where the mixer certifies one, and notes.

    Raises:
        MixwrightError: a name is unknown, the bounds leave no mixture, there are too few draws, or
            the goal is a plain mean of targets of different units.
    """
    _check_fit("propose", fit)
    options = make_options(
        fit.source,
        targets=targets,
        caps=caps,
        floors=floors,
        fixed=fixed,
        groups=groups,
        available=available,
        tokens=tokens,
        max_epochs=max_epochs,
        never_worse=never_worse,
        seed=seed,
    )
    if isinstance(fit, Surface):
        return propose_from(fit, options)
    return propose_within(fit, options, draws)


@one_thread
def page(fit: Fit | Surface, to: str | Path, *, draws: int = DRAWS, **options: Any) -> Proposal:
    """Writes what a fit says as one page: the answer, how sure it is, a place to try mixtures.

    The page needs no other file and no network.

    Args:
        fit: a fit, or a surface that was handed over: its page has fewer sections.
        to: file of the page, replaced where it is there.
        draws: refits of the mixer that give the intervals; 0: no intervals.
        options: goal and bounds, as `propose` takes them.

    Returns:
        The proposal that the page shows.

    Raises:
        MixwrightError: as `propose` does.
    """
    _check_fit("page", fit)
    wanted = make_options(fit.source, **options)
    result = gather(fit, wanted, draws)
    write_page(result, Place("fit", str(to)))
    return result.proposal


@one_thread
def compare(
    runs: Observations,
    mixers: Iterable[str] | str | None = None,
    folds: int = 8,
    seed: int = 0,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> pd.DataFrame:
    """Judges mixers by their predictions of held-out runs.

    Args:
        mixers: names of mixers; None: all that predict losses.
        folds: parts of the runs that are held out in turn.
        seed: seed of the cut into parts.
        settings: mixer -> its settings.

    Returns:
        A row a mixer, the best first, with means over the targets: `spearman`, `kendall` and
        `pairwise` (share of pairs) rank the runs, `regret` and `rmse` are in `unit`, the targets'
        own; NaN where targets have several. `worst` is the target that the mixer ranks worst,
        `least` its Spearman correlation there.

    Raises:
        MixwrightError: a mixer is unknown, or none can be fitted to these runs.
    """
    _check_runs("compare", runs)
    if isinstance(mixers, str):
        mixers = [mixers]
    return standings(tournament(runs, list(mixers or ()), settings, folds, seed))


def load(folder: str | Path) -> Fit | Surface:
    """Reads a fit that `fit.save(folder)` or `mixwright fit --to folder` wrote, or a surface.

    Args:
        folder: of the fit, or the file that `mixwright surface` wrote.

    Raises:
        MixwrightError: neither is there, or the file is damaged.
    """
    return open_fit(folder)


def _words(value: Mapping[str, str] | Iterable[str] | str | None) -> list[str]:
    """Returns what a person says as the words of the command line."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [f"{name}={content}" for name, content in value.items()]
    if not isinstance(value, Iterable):
        raise MixwrightError(f"read_runs: {value} names no column; give a list of headings")
    return [str(name) for name in value]


def _parts(name: str, parts: Parts | None) -> list[Table]:
    """Returns the parts of a table, DataFrames with the name that messages call them."""
    if parts is None:
        return []
    if isinstance(parts, str | Path | pd.DataFrame) or not isinstance(parts, Sequence):
        parts = [parts]
    tables: list[Table] = []
    for part in parts:
        if isinstance(part, pd.DataFrame):
            tables.append(Frame(name, part))
        elif isinstance(part, str | Path):
            tables.append(Path(part))
        else:
            kind = type(part).__name__
            raise MixwrightError(f"{name}: {kind} is no table; give a DataFrame or a path")
    return tables


def _check_runs(function: str, runs: object) -> None:
    if not isinstance(runs, Observations):
        kind = type(runs).__name__
        raise MixwrightError(
            f"{function}: runs is a {kind}; make it with mixwright.read_runs(mixtures, losses)"
        )


def _check_fit(function: str, fit: object) -> None:
    if not isinstance(fit, Fit | Surface):
        kind = type(fit).__name__
        raise MixwrightError(
            f"{function}: fit is a {kind};"
            " make it with mixwright.fit(runs) or mixwright.load(folder)"
        )
