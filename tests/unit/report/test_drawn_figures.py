"""What single figures show; the contract tests hold what all of them promise."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import figure_results
import study_tables
import wide_results
from least_study import study
from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.files import write_json
from mixwright.learners import LEARNERS
from mixwright.report.best_surface import best_surface
from mixwright.report.by_target import by_target
from mixwright.report.figures import FIGURES, draw, draw_figure, save, tabulate
from mixwright.report.figures.domains import local_mean
from mixwright.report.figures.mixtures import in_order, percent
from mixwright.report.layout import drawn
from mixwright.study.learning import curve_mixer
from mixwright.study.study import Study
from mixwright.trust.learning_curve import no_curve
from mixwright.trust.noise import held_out, rank_correlations, target_signals


def inputs_of(name):
    results = figure_results.trained()
    return {result: results[result] for result in FIGURES[name].inputs}


def drawn_of(name):
    return draw(name, tabulate(name, **inputs_of(name)))


def words(figure):
    return " ".join(
        text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))
    )


def test_finals_show_the_difference_of_every_arm():
    text = words(drawn_of("finals"))
    assert (
        all(arm in text for arm in study_tables.ARMS) and "Does any mixture beat natural?" in text
    )
    assert "−0.053  [−0.066, −0.039]" in text


@pytest.mark.parametrize("name", ["finals", "targets", "mixtures"])
def test_a_study_of_natural_alone_is_drawn(name):
    inputs = inputs_of(name)
    for result in ("scores", "documents"):
        if result in inputs:
            inputs[result] = inputs[result][inputs[result].mixer == "natural"]
    if "mixtures" in inputs:
        inputs["mixtures"] = [m for m in inputs["mixtures"] if m["mixer"] == "natural"]
    drawing = draw(name, tabulate(name, **inputs))
    assert "effective-data" not in words(drawing)
    if name == "finals":
        assert "No other final than natural's was trained" in words(drawing)


def test_mixtures_start_with_natural_and_frame_the_caps():
    ordered = [mixture["mixer"] for mixture in in_order(study_tables.mixtures())]
    assert ordered[0] == "natural" and set(ordered) == set(study_tables.ARMS)
    drawn = drawn_of("mixtures")
    assert sum(not patch.get_fill() for patch in drawn.axes[0].patches) == 1
    text = words(drawn)
    weight = next(
        mixture["weights"]["cpp"]
        for mixture in study_tables.mixtures()
        if mixture["mixer"] == "effective-data"
    )
    assert (
        "Framed" in text
        and "Small: 95% interval of refits" in text
        and f"{percent(0.8 * weight)}–{percent(1.25 * weight)}" in text
    )
    bare = tabulate("mixtures", mixtures=[m | {"intervals": {}} for m in study_tables.mixtures()])
    assert "interval" not in words(draw("mixtures", bare))


def test_targets_show_every_arm_s_value_and_frame_what_lies_beyond_its_interval():
    learner = LEARNERS["causal-lm"]
    cells = by_target(study_tables.scores(), dict.fromkeys(study_tables.TARGETS, 1.0), learner)
    drawn = drawn_of("targets")
    decided = [
        cell
        for row in cells.values()
        for cell in row.values()
        if cell.against.verdict in ("better", "worse")
    ]
    assert sum(not patch.get_fill() for patch in drawn.axes[0].patches) == len(decided) > 0
    assert f"{cells['cython']['regmix'].value:.3f}" in words(drawn) and "Blue: better" in words(
        drawn
    )


def test_percent_tells_zero_from_little():
    assert [percent(weight) for weight in (0.0, 1e-5, 0.004, 0.0994, 0.0996, 0.33)] == [
        "0",
        "<.1",
        "0.4",
        "9.9",
        "10",
        "33",
    ]


def test_mixtures_need_natural():
    with pytest.raises(MixwrightError, match="natural"):
        tabulate("mixtures", mixtures=[{"mixer": "regmix", "weights": {"a": 1.0}}])


def test_predicted_panels_are_sorted_by_rank_correlation():
    ranks = rank_correlations(
        held_out(study_tables.validation(), dict.fromkeys(study_tables.TARGETS, 1.0))
    )
    assert (
        list(ranks.index) == ["effective-data", "regmix", "mixmin", "autoscale"]
        and ranks.is_monotonic_decreasing
    )
    drawn = drawn_of("predicted")
    assert [axes.get_title("left") for axes in drawn.axes] == list(ranks.index)
    assert f"ρ = {ranks['regmix']:.2f}" in words(drawn)


def test_domains_have_a_panel_each():
    drawn = drawn_of("domains")
    assert {axes.get_title("left") for axes in drawn.axes} == set(study_tables.DOMAINS)


def test_local_mean_of_a_constant_is_the_constant():
    x = np.random.default_rng(0).random(20)
    assert local_mean(x, np.full(20, 3.0), np.linspace(0, 1, 5)) == pytest.approx(np.full(5, 3.0))


def test_signal_to_noise_is_spread_over_mixtures_by_spread_over_seeds():
    design, losses = study_tables.proxies()
    row = target_signals(design, losses).set_index("target").loc["cython"]
    last = losses[(losses.target == "cython") & (losses.step == 97)].set_index("run").loss
    swarm, repeats = (
        last[last.index.str.startswith("swarm")],
        last[last.index.str.startswith("repeat")],
    )
    assert row.signal_to_noise == pytest.approx(swarm.std() / repeats.std())
    assert row.low < row.signal_to_noise < row.high and row.repeats == 4 and row.losing == 0


def test_noise_draws_without_repeats_and_with_a_diverged_run():
    design, losses = study_tables.proxies(repeats=0)
    losses.loc[losses.run == "swarm003", ["loss", "bits_per_byte"]] = np.nan
    losses.loc[losses.run == "swarm003", "status"] = "diverged"
    signals = target_signals(design, losses)
    assert (
        (signals.runs == 31).all()
        and signals.signal_to_noise.isna().all()
        and (signals.repeats == 0).all()
    )
    made = {"design": design, "losses": losses, "study": Study(study_tables.study())}
    assert draw("noise", tabulate("noise", **made)).axes


def test_stage_reads_files_and_names_what_is_missing(tmp_path):
    tables.write(study_tables.scores(), tmp_path / "scores.parquet", tables.SCORES)
    write_json(tmp_path / "study.json", study_tables.study())
    paths = {"scores": tmp_path / "scores.parquet", "study": tmp_path / "study.json"}
    draw_figure("finals", paths, tmp_path / "finals.png")
    assert (tmp_path / "finals.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(MixwrightError, match="scores is missing; name the files"):
        draw_figure("finals", {"study": paths["study"]}, tmp_path / "finals.svg")
    with pytest.raises(MixwrightError, match="figure pie is unknown"):
        draw_figure("pie", {}, tmp_path / "pie.svg")


def test_a_study_with_several_goals_shows_no_table_of_mixtures():
    targets = {"pytests": {"source": "installed", "weight": 0}, "cpp": {}}
    several = study(goal={"leave_target_out": True}, targets=targets)
    assert "targets" in drawn(several) and "mixtures" not in drawn(several)
    assert {"mixtures", "targets", "front"} <= set(drawn(study()))


def test_only_models_that_a_unigram_model_can_stand_beside_show_their_noise():
    for name, learner in LEARNERS.items():
        trained = SimpleNamespace(learner=learner, runs={"swarm": ()})
        assert FIGURES["noise"].shown(trained) == (name != "trees")
    without_swarm = SimpleNamespace(learner=LEARNERS["causal-lm"], runs={"repeat": ()})
    assert not FIGURES["noise"].shown(without_swarm)


def test_the_registry_imports_nothing_heavy():
    code = (
        "import sys, mixwright.report.figures; "
        "print(sorted({'matplotlib', 'pandas', 'numpy', 'torch'} & set(sys.modules)))"
    )
    path = {"PYTHONPATH": str(Path(__file__).parents[3] / "workflow")}
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=path, check=True
        ).stdout.strip()
        == "[]"
    )


def test_the_front_runs_between_the_targets_that_cost_each_other_most():
    results = wide_results.trained()
    table = tabulate("front", **{name: results[name] for name in FIGURES["front"].inputs})
    surface = best_surface(results["surfaces"], Study(results["study"].config).target_weights)
    assert set(table.law) == {surface.law}
    weights = table[[f"weight_{domain}" for domain in surface.domains]].to_numpy()
    assert weights.sum(axis=1) == pytest.approx(np.ones(len(table)))
    for number, rows in table.groupby("pair"):
        front = rows[rows.kind == "front"].sort_values("x")
        assert front.x.is_monotonic_increasing and front.y.is_monotonic_decreasing
        others = rows[rows.kind == "mixture"]
        assert {"natural", "uniform"} <= set(others.name)
        # no mixture inside the bounds is better on both than a point of the front
        for point in front.itertuples():
            better = (others.x < point.x - 1e-6) & (others.y < point.y - 1e-6)
            assert not better.any(), number
    first = table[table.pair == 0].iloc[0]
    assert first.why == "conflict most" and {first.x_of, first.y_of} <= set(wide_results.TARGETS)


def test_effects_are_the_law_s_and_their_intervals_hold_them():
    results = wide_results.trained()
    table = tabulate("effects", surfaces=results["surfaces"], study=results["study"])
    surface = best_surface(results["surfaces"], results["study"].target_weights)
    cell = table[(table.domain == "code") & (table.target == "math")].iloc[0]
    natural = np.asarray(surface.wish.natural)
    code = surface.domains.index("code")
    moved = natural * (0.99 - natural[code]) / (1 - natural[code])
    moved[code] = natural[code] + 0.01
    assert moved.sum() == pytest.approx(1)
    predicted = surface.formula.predict(surface.inputs(np.stack([natural, moved])))
    math = surface.targets.index("math")
    assert cell.effect == pytest.approx(predicted[1, math] - predicted[0, math], rel=1e-6)
    assert ((table.low <= table.effect) & (table.effect <= table.high)).all()
    doubted = table[~table.sure]
    assert len(doubted) and (doubted.low < 0).all() and (doubted.high > 0).all()


def test_amounts_are_fitted_at_each_scale_and_runs_keep_their_losses():
    results = wide_results.trained()
    table = tabulate("amounts", **{name: results[name] for name in FIGURES["amounts"].inputs})
    assert sorted(set(table.total)) == pytest.approx([1e6, 4e6], rel=1e-3)
    runs = table[table.of == "run"]
    assert runs.groupby(["domain", "total"]).size().eq(3).all()
    middle = runs[np.isclose(runs.amount, 1)]
    assert middle.loss.to_numpy() == pytest.approx(middle.base.to_numpy())
    curve = table[table.of == "curve"]
    assert ((curve.low <= curve.loss) & (curve.loss <= curve.high)).all()


def test_the_surface_of_the_best_ranks_is_shown_and_a_law_of_its_own_before_a_stand_in():
    record = wide_results.trained()["surfaces"][0]
    targets = [
        target | {"held_out": target["held_out"] | {"rank_correlation": 0.1}}
        for target in record["targets"]
    ]
    worse = record | {"targets": targets, "mixer": "additive"}
    stand_in = record | {"mixer": "additive", "represents": "additive has no formula"}
    assert best_surface([worse, stand_in, record]).source.mixer == record["mixer"]
    assert best_surface([worse, stand_in]).source.mixer == "additive"
    with pytest.raises(MixwrightError, match="surfaces: there is none"):
        best_surface([])


def test_a_curve_of_too_few_runs_is_told_in_words():
    table = tabulate("learning_curve", learning_curve=no_curve("effective-data", 20))
    drawn = draw("learning_curve", table)
    assert "20 runs are too few for a curve: it takes 24." in words(drawn)


def test_the_curve_is_of_a_quick_mixer_where_the_swarm_is_large_enough():
    asked = {"mixers": {"effective-data": {}, "regmix-linear": {}}}
    assert curve_mixer(study(**asked, designs={"swarm": {"runs": 24}})) == "effective-data"
    assert curve_mixer(study(**asked, designs={"swarm": {"runs": 23}})) == ""
    assert curve_mixer(study(designs={"swarm": {"runs": 64}})) == ""


def test_numbers_that_are_written_in_a_drawing_keep_their_digits(tmp_path):
    """Places lose digits that nobody sees; 4.427 that became 4.42 would be another number."""
    drawing = drawn_of("targets")
    save(drawing, tmp_path / "targets.svg")
    svg = (tmp_path / "targets.svg").read_text()
    written = [word for word in words(drawing).split() if word.replace(".", "").isdigit()]
    assert any(len(word) == 5 for word in written)
    assert [word for word in written if f">{word}<" not in svg] == []


def test_a_mixer_looks_the_same_whoever_stands_beside_it():
    from mixwright.mixers import MIXERS
    from mixwright.report.figures.looks import COMMON, mixer_marks, mixer_strokes

    assert {*COMMON} <= {*MIXERS}
    for ways in (mixer_marks, mixer_strokes):
        alone = ways(["regmix"])["regmix"]
        assert alone == ways(["natural", "ensemble", "regmix", "regmix@code"])["regmix"]
        beside = ways(COMMON)
        assert len({str(beside[name]) for name in COMMON}) == len(COMMON)
        assert len({beside[name][0] for name in COMMON[:7]}) == 7
