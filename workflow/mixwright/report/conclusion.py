"""Which mixture the final models say to use, and the sentences that say how sure that is."""

from mixwright.errors import counted
from mixwright.report.choices import level_with
from mixwright.report.comparison import Comparison
from mixwright.report.proposed import listed
from mixwright.report.worst import WorstComparison
from mixwright.trust.intervals import REFERENCE, Difference


def conclude(comparison: Comparison) -> tuple[str, tuple[str, ...], str]:
    """Returns the headline, the sentences under it, and the mixer to use.

    The best of several mixers must win by an interval that is widened for the choice among them
    (Bonferroni).
    """
    best = str(comparison.means.index[0])
    rivals = len(comparison.distinct) - 1
    gap = comparison.difference(best, REFERENCE, comparisons=max(rivals, 1))
    if gap.verdict == "better":
        return f"Use the mixture of the method {best}.", _of_winner(comparison, gap, rivals), best
    headline, sentence = _of_no_winner(gap, rivals)
    return headline, (sentence,), REFERENCE


def _of_winner(comparison: Comparison, gap: Difference, rivals: int) -> tuple[str, ...]:
    """The sentences under the headline that names the best mixer."""
    best = gap.arm
    sentences = [f"Its final models are {gap.sentence}{widened(rivals)}."]
    sentences += beside(comparison, best)
    if "uniform" in comparison.values.index and best != "uniform":
        against = comparison.difference(best, "uniform")
        sentences.append(f"The mixture is {against.sentence}; uniform needs no proxies.")
    level = level_with(comparison)
    if level:
        mixtures = "mixture" if len(level) == 1 else "mixtures"
        sentences.append(f"The {mixtures} of {listed(level)} cannot be told from it.")
    return tuple(sentences)


def beside(comparison: Comparison, arm: str) -> tuple[str, ...]:
    """Returns a sentence on the mean of the targets, where the worst one is judged."""
    if not isinstance(comparison, WorstComparison):
        return ()
    gap = comparison.of_mean(arm)
    return (f"On the mean of the targets its final models are {gap.sentence}.",)


def _of_no_winner(gap: Difference, rivals: int) -> tuple[str, str]:
    """The headline and the sentence under it, where natural is kept."""
    title = gap.metric.title
    higher = gap.metric.higher
    if gap.verdict == "identical":
        direction = "higher" if higher else "lower"
        sentence = f"No other mixture reached a {direction} {title} on the targets."
        if gap.of:
            sentence = "Every other mixture lost to natural on a target."
        return "Keep the natural mixture.", sentence
    if gap.of:
        return _of_no_worst(gap, rivals)
    extreme = "highest" if higher else "lowest"
    start = f"The {extreme} {title} is {gap.arm}'s"
    if gap.verdict == "undecided":
        return "Too few seeds to choose a mixture.", f"{start}: {gap.sentence}."
    side = "above" if higher else "below"
    difference = f"{abs(gap.value):.3f} {gap.metric.unit} {side} natural"
    interval = f"[{gap.low:+.3f}, {gap.high:+.3f}]{widened(rivals)}"
    sentence = (
        f"{start}, {difference}, {interval}. The interval contains zero, so this may be luck."
    )
    return "No mixture is clearly better than natural.", sentence


def _of_no_worst(gap: Difference, rivals: int) -> tuple[str, str]:
    """The same where the worst target is judged."""
    sentence = f"Of all mixtures {gap.arm}'s does best on its worst target: {gap.sentence}"
    if gap.verdict == "undecided":
        return "Too few seeds to choose a mixture.", f"{sentence}."
    headline = "No mixture is clearly better than natural on its worst target."
    return headline, f"{sentence}{widened(rivals)}. The interval contains zero."


def widened(comparisons: int) -> str:
    """Says that an interval is widened for so many comparisons; nothing of one."""
    if comparisons < 2:
        return ""
    return f" (interval widened for {comparisons} comparisons)"


def method_of(comparison: Comparison) -> str:
    """Says what the intervals are."""
    scope = (
        "Each interval is for one comparison alone."
        " Only the headline's is widened for the choice among mixtures."
    )
    if not comparison.seeded:
        return (
            "The 95% intervals are for paired differences over test rows, drawn with"
            f" replacement, the same rows for all mixtures and targets. {scope}"
        )
    _, freedom = comparison.scatter()
    seeds = comparison.values.dropna(axis=1).shape[1]
    if not freedom:
        shared = counted(seeds, "seed")
        return f"The mixtures share {shared}, so differences have no interval over seeds."
    student = f"Student's t, {freedom} degrees of freedom, scatter pooled over the mixtures"
    basis = f"The 95% intervals are for paired differences over {seeds} seeds ({student})"
    if comparison.documents is not None:
        return f"{basis} and over documents (paired, errors added in quadrature). {scope}"
    return (
        f"{basis}. They hold for the documents scored;"
        f" the choice of documents is not in them. {scope}"
    )
