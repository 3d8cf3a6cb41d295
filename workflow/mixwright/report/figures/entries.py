"""Which figures there are: where each is drawn, what it reads, who shows it, and what it shows.

The registry is read at parse time, so nothing heavy is imported here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixwright.errors import MixwrightError, closest

if TYPE_CHECKING:
    from mixwright.study.study import Study


def _always(study: "Study") -> bool:
    return True


def _one_goal(study: "Study") -> bool:
    """Whether mixers propose for one goal, not for several, such as each without one target."""
    return study.goals == ("",)


def _swarm(study: "Study") -> bool:
    """Whether there are runs on mixtures from all over the simplex."""
    return "swarm" in study.runs


def _perturbed(study: "Study") -> bool:
    """Whether there are runs with more and with less of one domain."""
    return "perturb" in study.runs


def _counted(study: "Study") -> bool:
    """Whether runs have tokens, and mixers propose for one goal."""
    return study.learner.sized and _one_goal(study)


def _trained_swarm(study: "Study") -> bool:
    """Whether a swarm depends on a seed, and a unigram model can stand beside it."""
    return study.learner.sized and _swarm(study)


@dataclass(frozen=True)
class FigureEntry:
    """Where a figure is drawn, which results it reads, and which studies show it."""

    # A module of this folder. "module" holds `table` and `figure`; "module:name" holds
    # `name_table` and `name_figure`.
    module: str
    # Names as in mixwright.report.layout; `study` is what `tabulate` says of it.
    inputs: tuple[str, ...]
    # Heading on the page.
    title: str
    # What it shows and how to read it, in one sentence; also for those who hear the page.
    caption: str
    # The section of the page that shows it, a key of mixwright.report.sections.SECTIONS.
    section: str
    # Results that are read where the study makes them.
    optional: tuple[str, ...] = ()
    # Whether it can be drawn of runs in tables of one's own, where its inputs are made.
    without_study: bool = False
    # Whether a study that makes the inputs shows the figure.
    shown: Callable[["Study"], bool] = _always


MIXTURES = FigureEntry(
    "mixtures",
    ("mixtures",),
    "Chosen mixtures",
    "Weights of the domains in percent, a row a mixer: blue is more than natural, orange is less,"
    " and a frame marks a weight at its cap.",
    section="data",
    without_study=True,
    shown=_one_goal,
)
DOMAINS = FigureEntry(
    "domains",
    ("design", "losses", "study"),
    "Loss against each domain's weight",
    "Loss of every swarm run against its weight of one domain, a panel a domain, with the best"
    " runs in blue and the local mean as a line.",
    section="mechanism",
    without_study=True,
    shown=_swarm,
)
FRONT = FigureEntry(
    "front",
    ("surfaces", "mixtures", "study"),
    "The front between targets",
    "What the law predicts of two targets, or groups of them, for the best mixtures between the"
    " two: along the line one gets better only as the other gets worse.",
    section="trade-offs",
    without_study=True,
    shown=_one_goal,
)
EFFECTS = FigureEntry(
    "effects",
    ("surfaces", "study"),
    "Effect of each domain on each target",
    "By the fitted law, the change of each target when a domain gets one percentage point more and"
    " the others shrink in proportion, from natural on: blue helps, orange harms, brackets mark a"
    " sign that the refits do not agree on, and it is what to go by where a plain correlation says"
    " otherwise.",
    section="mechanism",
    without_study=True,
)
CORRELATIONS = FigureEntry(
    "effects:correlations",
    ("design", "losses", "study"),
    "Correlation of each weight with each target",
    "Rank correlation over the swarm's runs of each domain's weight with each target: blue goes"
    " with a better target, orange with a worse one, brackets mark an interval that holds 0, and"
    " where a sign differs from the law's effect, go by the law: a correlation also carries what"
    " the other domains did in the same runs.",
    section="mechanism",
    without_study=True,
    shown=_swarm,
)
LEARNING_CURVE = FigureEntry(
    "learning_curve",
    ("learning_curve",),
    "Runs needed",
    "Rank correlation of held-out runs, and regret of the pick among them, against the number of"
    " runs that a mixer was fitted to: where both are flat, more runs add nothing.",
    section="evidence",
    without_study=True,
)
AMOUNTS = FigureEntry(
    "amounts",
    ("design", "losses", "study"),
    "Loss against the amount of each domain",
    "Loss of runs with more and with less of one domain, a panel a domain, with the power law that"
    " fits them and the band of all laws within the noise.",
    section="mechanism",
    shown=_perturbed,
)

GAIN_COST = FigureEntry(
    "gain_cost",
    ("trained_runs", "scores", "finals", "study"),
    "What each method gained, and what it trained for it",
    "Gain of each method's final models over natural's against the training tokens of all runs that"
    " the method reads, a dot a method with its 95% interval: higher is better, farther left is"
    " cheaper, and methods that read the same runs stand side by side, each with the whole cost.",
    section="cost",
    optional=("documents",),
    shown=_counted,
)

# Of studies that train their proxies; in the order of the page.
FIGURES = {
    "mixtures": MIXTURES,
    "targets": FigureEntry(
        "targets",
        ("scores", "study"),
        "Final models target by target",
        "What the final model of each mixture reached on each target, a column a mixture: blue is"
        " better than natural, orange is worse, and a frame marks what lies beyond its interval.",
        section="targets",
        optional=("documents",),
    ),
    "predicted": FigureEntry(
        "predicted",
        ("validation", "study"),
        "Predicted against measured loss",
        "Predicted against measured loss of held-out runs, a panel a mixer: the nearer the dots"
        " lie to the line, the better the mixer predicts.",
        section="evidence",
    ),
    "learning_curve": LEARNING_CURVE,
    "sizes": FigureEntry(
        "sizes",
        ("transfer",),
        "Order at a second model size",
        "Rank correlation of the losses of the same mixtures at two model sizes, a row a target"
        " with its 95% interval: the farther right, the more the small models tell.",
        section="evidence",
    ),
    "noise": FigureEntry(
        "noise",
        ("design", "losses", "study"),
        "Signal, noise and the unigram model",
        "How much more losses differ over mixtures than over seeds, a row a target, and how far"
        " each proxy gets below a unigram model; orange is too little.",
        section="evidence",
        shown=_trained_swarm,
    ),
    "front": FRONT,
    "effects": EFFECTS,
    "correlations": CORRELATIONS,
    "domains": DOMAINS,
    "amounts": AMOUNTS,
    "finals": FigureEntry(
        "finals",
        ("scores", "study"),
        "Final models against natural",
        "Each mixture's final models minus natural's on the mean of the targets, a row a mixture"
        " with its 95% interval: an interval that reaches zero decides nothing.",
        section="finals",
        optional=("documents",),
    ),
    "speed_up": FigureEntry(
        "speed_up",
        ("snapshot_scores", "scores", "finals", "study"),
        "Speed-up to natural's final value",
        "The mean of the targets along the training of each mixture, a line a mixture, and below"
        " where each line first is at natural's final value: × 2 took half of natural's tokens.",
        section="finals",
    ),
    "loss_curves": FigureEntry(
        "loss_curves",
        ("curves",),
        "Losses of the final models in training",
        "Training loss of the final models against the tokens that they read, a line a mixture,"
        " mean of its seeds: a line that still falls had more to learn, and as each loss is of the"
        " mixture's own text, a lower line can be easier text and no better model.",
        section="finals",
    ),
    "gain_cost": GAIN_COST,
}

# Of studies whose runs others measured; in the order of the page.
MEASURED = {
    "mixtures": MIXTURES,
    "ranks": FigureEntry(
        "ranks",
        ("validation", "study"),
        "Rank correlations",
        "Rank correlation of predicted and measured loss, a row a mixer and a mark a set of runs:"
        " the farther right, the better the mixer ranks runs that it has not seen.",
        section="evidence",
        without_study=True,
        optional=("tests",),
    ),
    "tested": FigureEntry(
        "tested",
        ("validation", "study"),
        "Predicted against measured loss",
        "Predicted against measured loss of runs that no mixer was fitted to, a panel a mixer and"
        " set of runs: the nearer the dots lie to the line, the better.",
        section="evidence",
        without_study=True,
        optional=("tests",),
    ),
    "subsets": FigureEntry(
        "subsets",
        ("subsets", "study"),
        "Runs needed",
        "Rank correlation on test runs against the number of runs that a mixer was fitted to, a"
        " line a mixer: where a line is flat, more runs add nothing.",
        section="evidence",
    ),
    "region": FigureEntry(
        "region",
        ("regions",),
        "The optimum and its region",
        "The best weight of each domain as a dot, and as lines how far it can move before a"
        " difference in loss can be told.",
        section="evidence",
        without_study=True,
    ),
    "published": FigureEntry(
        "published",
        ("predictions", "study"),
        "Published mixtures",
        "What each mixer predicts for published and proposed mixtures, a row a mixture: how much"
        " worse than the best that the mixer predicts.",
        section="trade-offs",
    ),
    "front": FRONT,
    "effects": EFFECTS,
    "correlations": CORRELATIONS,
    "domains": DOMAINS,
    "amounts": AMOUNTS,
    "optimum": FigureEntry(
        "optimum",
        ("design", "mixtures"),
        "The optimum by each objective",
        "The best amount of each domain in units of the base run's, a row a domain: dots on the"
        " line ask for no change.",
        section="trade-offs",
        optional=("ladder",),
        shown=_perturbed,
    ),
    "ladder": FigureEntry(
        "ladder",
        ("ladder",),
        "The ladder of totals",
        "Best tokens of each domain against total tokens, a line a domain: full marks are"
        " published, empty marks are extrapolated.",
        section="mechanism",
    ),
    "scales": FigureEntry(
        "ladder:scales",
        ("ladder",),
        "Weight against scale",
        "Best weight of each domain against total tokens, a line a domain: full marks are"
        " published, empty marks are extrapolated.",
        section="mechanism",
    ),
}


def entry(name: str) -> FigureEntry:
    """Returns a figure's entry.

    Raises:
        MixwrightError: no figure has this name; the message lists those there are.
    """
    registry = FIGURES | MEASURED
    if name not in registry:
        close = closest(name, registry)
        hint = f"did you mean {close}? " if close else ""
        raise MixwrightError(f"figure {name} is unknown; {hint}there are {', '.join(registry)}")
    return registry[name]
