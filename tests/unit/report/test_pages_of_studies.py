"""Every kind of study has a whole page that leads with an answer which can be copied and used."""

import json
import re

import pytest

import made_pages
import study_tables
from made_pages import PROPOSALS, SUMMARIES
from mixwright.proposals.export.inputs.mixtures import read_wanted
from mixwright.report.mixture_words import block, recipe
from mixwright.report.outputs import as_json
from mixwright.report.page import summary_page
from mixwright.report.sections import SECTIONS
from page_words import outline, words

PAGES = made_pages.pages()


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_is_whole_and_its_sections_stand_in_order(kind):
    page = PAGES[kind]()
    parsed = outline(page)
    order = [title for title in parsed.headings if title in SECTIONS.values()]
    assert order == [title for title in SECTIONS.values() if title in order]
    assert "What to keep in mind" in order and "Where this comes from" in order
    assert "default-src 'none'" in page and len(page) < 2_000_000
    # every table has a caption, and every row a head
    assert page.count("<table>") == page.count("<caption>") > 0
    assert page.count('<th scope="row"') == page.count('<tr><th scope="row"') > 0
    assert not re.search(r"\bnan\b|\binf\b|None\b|\{[a-z_]+\}", words(page).split("To make it")[0])


@pytest.mark.parametrize("kind", SUMMARIES)
def test_the_answer_of_finals_is_in_the_json_and_its_mixture_is_read_by_export(kind, tmp_path):
    summary = SUMMARIES[kind]()
    content = json.loads(json.dumps(as_json(summary), allow_nan=False))
    answer = content["answer"]
    page = words(summary_page(summary))
    for sentence in (answer["headline"], *answer["sure"], *answer["costs"]):
        assert sentence.replace("[-", "[−").replace(", -", ", −") in page
    if kind == "several goals":
        assert answer["weights"] == {} and "one a target" in answer["headline"]
        return
    assert answer["arm"] == summary.chosen
    assert answer["file"] == f"results/demo/mixtures/{summary.chosen}.json"
    file = tmp_path / "mixture.yaml"
    file.write_text(block(summary.answer.weights))
    (stage,) = read_wanted(file, None).stages
    for name, weight in stage.mixture.as_dict().items():
        assert weight == pytest.approx(summary.answer.weights[name], abs=2e-5)


def test_a_winner_is_named_with_what_it_is_worth():
    summary = SUMMARIES["winner"]()
    gap = summary.arm("effective-data").natural
    assert summary.answer.headline.startswith(
        f"In this demonstration, best was {recipe(summary.answer.weights)}: "
    )
    worth = f"{-gap.value:.3f} nats/token better than natural on comments, cython and pytests"
    assert worth in summary.answer.headline
    assert "lower perplexity" in summary.answer.headline
    assert "widened because it is the best of 6 mixtures" in summary.answer.sure[0]
    assert "The method (mixer) effective-data proposed it." in summary.answer.sure[0]
    goal, outside = summary.answer.costs
    assert goal == "Not one of the 3 targets of the goal gets worse, as far as 2 seeds can tell."
    # the finals of the made-up study do better everywhere
    assert outside.startswith("Worse than natural outside the goal: not one of 7 texts")


def test_what_a_winner_costs_is_told_with_its_interval():
    cost, _ = SUMMARIES["worse somewhere"]().answer.costs
    assert re.search(r"worse than natural: cython by 0\.0\d\d nats/token \[0\.\d+, 0\.\d+\]", cost)
    assert "comments" not in cost


def test_without_a_winner_natural_is_kept_and_the_seeds_that_would_tell_are_named():
    summary = SUMMARIES["no winner"]()
    assert summary.chosen == "natural"
    assert summary.answer.headline == "Keep the natural mixture: no other is clearly better."
    assert summary.answer.weights == study_tables.mixtures()[0]["weights"]
    (step,) = summary.next
    assert re.search(r"About \d+ seeds would tell \(2 are there\)", step)
    assert summary.answer.natural == {}


def test_one_seed_says_that_it_cannot_tell():
    summary = SUMMARIES["one seed"]()
    assert "one seed cannot tell" in summary.answer.headline
    assert "Set two or more final.seeds" in summary.next[0]


def test_what_was_cut_or_skipped_stands_in_a_red_line():
    page = summary_page(SUMMARIES["winner"]())
    (red,) = re.findall(r'<span class="red">([^<]*)</span>', page)
    assert red.startswith("cpp: ") and "30% cut" in red and "0.3% skipped" in red
    # cleaning meets duplicates in any text: no reason for alarm
    assert "duplicates" not in red and "cpp: 2% are duplicates, and were left in" in page


def test_passes_and_shares_of_the_recommendation_stand_beside_the_data():
    page = words(summary_page(SUMMARIES["winner"]()))
    summary = SUMMARIES["winner"]()
    for row in summary.data:
        assert row.weight == summary.answer.weights[row.domain]
        assert f"{row.domain} {row.natural:.1%} {row.weight:.1%} " in page
        assert f" {row.source_tokens // 10**6} M 1 M " in page
    # what is the same in every row is said once
    assert "All sizes are estimated. The source of all domains is installed." in page


def test_bounds_that_hold_a_mixture_back_are_named_with_what_would_move_them():
    summary = SUMMARIES["many domains"]()
    (line, *_) = summary.limits
    assert line.startswith(f"{made_pages.LONG}-24 stands at 40 %, where the final model reads")
    assert "goal.max_epochs" in line and "it would get more if allowed" in line


def test_the_proposals_lead_with_what_is_predicted_and_say_that_nothing_was_trained():
    summary = PROPOSALS["predicted better"]()
    assert summary.answer.headline.startswith("In this demonstration, ")
    assert "predicted 0.21 nats/token better than natural" in summary.answer.headline
    assert "Nothing was trained on it" in summary.answer.sure[0]


def test_proposals_that_are_not_told_apart_keep_natural_and_name_the_runs_that_would_tell():
    summary = PROPOSALS["not distinguishable"]()
    assert summary.answer.arm == "natural"
    assert re.search(r"about \d+ runs of the swarm would tell it from zero \(32", summary.next[0])
    assert "runs of the swarm" not in " ".join(PROPOSALS["cannot tell"]().next)


def test_where_nothing_ranks_the_proposals_none_is_to_be_copied():
    answer = PROPOSALS["nothing held out"]().answer
    assert answer.weights == {} and answer.headline == "The proposals stand side by side."
