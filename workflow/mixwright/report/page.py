"""Lays a summary of final models out as one HTML page that needs no other file."""

from collections.abc import Sequence

from mixwright.report.answer import answer_section, caveat_list
from mixwright.report.answered import answers_section
from mixwright.report.by_task import tasks_section
from mixwright.report.cost import cost_section
from mixwright.report.drawings import Drawn, with_figures
from mixwright.report.evidence import backtest_part, merged_part, noise_part, transfer_part
from mixwright.report.explorer.explorer import explorer_section
from mixwright.report.exported import exports_section
from mixwright.report.finals_section import finals_table, predicted_part, targets_table
from mixwright.report.frame import bullets, document, text
from mixwright.report.leads import gain_words, moved_words, noise_words, order_words
from mixwright.report.origin import origin_section
from mixwright.report.sections import in_order
from mixwright.report.summary import Summary
from mixwright.report.your_data import data_section
from mixwright.trust.intervals import REFERENCE


def summary_page(summary: Summary, figures: Sequence[Drawn] = ()) -> str:
    """Returns the whole page.

    Args:
        summary: what it says.
        figures: what `mixwright.report.drawings.embedded` returns.
    """
    mixers = [arm.mixer for arm in summary.arms]
    unit = "tokens" if summary.learner.sized else "rows"
    questions = answers_section(summary.answers, summary.proxies_answers, mixers)
    contents = {
        "explore": explorer_section(summary.explorer) if summary.explorer else "",
        "data": data_section(summary.data, summary.chosen, summary.lost_targets, unit),
        "targets": targets_table(summary),
        "next": bullets(map(text, summary.next)) if summary.next else "",
        "limits": bullets(map(text, summary.limits)) if summary.limits else "",
        "export": exports_section(summary.exports, summary.answer.file),
        "evidence": (
            predicted_part(summary)
            + backtest_part(summary.backtest)
            + transfer_part(summary.transfer)
            + merged_part(summary.merged, summary.targets)
            + noise_part(summary.signals, summary.learner.reference)
        ),
        "finals": finals_table(summary),
        "tasks": tasks_section(summary.tasks, mixers) + questions,
        "cost": cost_section(summary.arms[0].natural.seeds, summary.spent),
        "caveats": caveat_list(summary.caveats),
        "provenance": origin_section(
            {**summary.provenance, **summary.machines}, summary.settings, summary.commands
        ),
    }
    answer = answer_section(f"study {summary.study}", summary.answer, summary.caveats, summary.next)
    leads = {"evidence": _evidence(summary), "mechanism": _mechanism(summary)}
    body = answer + in_order(with_figures(contents, figures), leads)
    return document(summary.study, body)


def _evidence(summary: Summary) -> str:
    """What the evidence means: how good predictions were of the mixture to use, or of the best."""
    named = summary.chosen
    if named == REFERENCE:
        named = summary.arms[0].mixer
    arm = summary.arm(named)
    parts = [
        order_words(named, arm.rank_correlation),
        gain_words(arm.intervals, arm.foreseen),
        noise_words(summary.signals, summary.targets),
    ]
    return " ".join(filter(None, parts))


def _mechanism(summary: Summary) -> str:
    """What the mixture to use takes more and less of."""
    natural = summary.answer.natural
    words = moved_words(summary.answer.weights, natural)
    return words or "What the laws say of each domain and target; it changes nothing in the answer."
