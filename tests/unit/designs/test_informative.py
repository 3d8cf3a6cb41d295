"""The informative design: nested, blind to losses, better than chance, resolved without tokens."""

import re

import numpy as np
import pandas as pd
import pytest

from least_study import names, study
from mixwright.__main__ import main
from mixwright.designs import KINDS
from mixwright.designs.informative import choose, choose_different, sensitivity
from mixwright.designs.resolve import resolve_design
from mixwright.errors import MixwrightError
from mixwright.mixers.laws.fit import fit_law
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.prior import Prior
from mixwright.mixture import Domain
from mixwright.simplex.alike import EQUAL

FIXED = {"cpp": 0.5, "prose": 0.3, "pycode": 0.2}
DOMAINS = [Domain("cpp", 500_000), Domain("prose", 300_000), Domain("pycode", 200_000)]


def candidates(seed=0, rows=200, domains=8):
    return np.random.default_rng(seed).dirichlet(np.full(domains, 0.4), rows)


def informative(**swarm):
    return study(designs={"swarm": {"method": "informative", "candidates": 64, **swarm}})


def resolved(study):
    frame = resolve_design(study.runs["swarm"], DOMAINS)
    return (
        frame.pivot(index="run", columns="domain", values="weight")
        .loc[list(dict.fromkeys(frame.run))]
        .to_numpy()
    )


def test_the_order_is_nested_and_takes_no_row_twice():
    order = choose(candidates(), 200)
    assert sorted(order) == list(range(200))
    for runs in (1, 17, 64):
        assert choose(candidates(), runs) == order[:runs]


def test_the_order_of_rows_and_of_domains_does_not_matter():
    mixtures = candidates()
    rows, columns = (
        np.random.default_rng(1).permutation(200),
        np.random.default_rng(2).permutation(8),
    )
    assert [int(rows[i]) for i in choose(mixtures[rows], 40)] == choose(mixtures, 40)
    assert choose(mixtures[:, columns], 40) == choose(mixtures, 40)


def test_candidates_of_one_prediction_can_be_chosen_from():
    assert choose(np.tile([0.25] * 4, (9, 1)), 9) == list(range(9))
    assert sorted(choose(np.eye(4), 4)) == [0, 1, 2, 3]


def test_equal_candidates_are_told_apart_by_their_weights():
    vertices = np.vstack([np.eye(6), np.full((2, 6), 1 / 6)])
    rows = np.random.default_rng(3).permutation(8)
    np.testing.assert_array_equal(
        vertices[rows][choose(vertices[rows], 8)], vertices[choose(vertices, 8)]
    )


def test_a_repeated_mixture_is_chosen_last():
    mixtures = np.vstack([candidates(rows=20), candidates(rows=20)])
    assert len({i % 20 for i in choose(mixtures, 20)}) == 20


def test_the_greedy_choice_is_the_pivoted_cholesky_of_the_kernel():
    mixtures = candidates(rows=40)
    features = sensitivity(mixtures)
    kernel, order = features @ features.T, choose(mixtures, 12)
    for step in range(12):
        chosen = order[:step]
        known = kernel[:, chosen]
        left = np.diag(kernel) - np.einsum(
            "ns,ns->n",
            known,
            np.linalg.solve(kernel[np.ix_(chosen, chosen)] + 0.01 * np.eye(step), known.T).T,
        )
        left[chosen] = -np.inf
        assert left[order[step]] == pytest.approx(left.max(), rel=1e-6)


def test_chosen_runs_teach_the_law_more_than_random_ones():
    ratios = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        law = Law(
            level=rng.uniform(1, 3, 3),
            scale=rng.uniform(0.5, 2, 3),
            power=rng.uniform(0.1, 0.6, 3),
            offset=rng.uniform(0.01, 0.2, 3),
            transfer=np.exp(rng.normal(-1, 1, (3, 8))),
            exponent=rng.uniform(0.4, 0.95, (3, 8)),
            linear=np.zeros((3, 8)),
        )
        pool, unseen = candidates(seed, 300), candidates(100 + seed, 300)
        losses = law.predict(pool)
        losses += 0.01 * losses.std(axis=0) * rng.standard_normal(losses.shape)

        def error(chosen, pool=pool, losses=losses, law=law, unseen=unseen):
            residuals = fit_law(pool[chosen], losses[chosen], Prior()).predict(
                unseen
            ) - law.predict(unseen)
            return np.sqrt(np.mean((residuals / losses.std(axis=0)) ** 2))

        ratios.append(error(choose(pool, 32)) / error(np.arange(32)))
    assert np.mean(ratios) < 0.9, ratios


def test_a_study_names_its_rows_before_a_token_is_counted_and_grows_them():
    small, large = informative(), informative(runs=48)
    assert names(large, "swarm")[:32] == names(small, "swarm")
    assert not set(names(small, "swarm")) & set(names(study(), "swarm"))
    assert {run.kind for run in small.runs["swarm"]} == {"informative"}
    np.testing.assert_array_equal(resolved(large)[:32], resolved(small))


def drawn(runs):
    return resolved(study(designs={"swarm": {"method": "dirichlet", "runs": runs}}))


def test_a_study_chooses_among_its_dirichlet_rows():
    pool = drawn(128)
    chosen = resolved(informative(candidates=128))
    np.testing.assert_array_equal(chosen, pool[choose(pool, 32)])


def nearest(weights):
    """The least distance of each mixture from the ones before it."""
    apart = np.abs(weights[:, None] - weights[None]).max(axis=2)
    return np.where(np.tri(len(weights), k=-1, dtype=bool), apart, np.inf).min(axis=1)


def test_no_mixture_is_trained_twice_where_the_bounds_leave_others():
    two = [Domain("cpp", 500_000), Domain("prose", 300_000)]
    rows = KINDS["informative"].rows(informative(runs=60).config)
    weights = KINDS["informative"].weights(rows, two)
    assert nearest(weights).min() > EQUAL
    # the first pool of 64 candidates is used up: the choice goes on in the next one
    pool = drawn_of_two(64, two)
    of_pool = np.abs(weights[:, None] - pool[None]).max(axis=2).min(axis=1) == 0
    first = int(of_pool.sum())
    assert first < 60 and of_pool[:first].all()
    fewer = KINDS["informative"].weights(rows[: first + 3], two)
    np.testing.assert_array_equal(fewer, weights[: first + 3])


def drawn_of_two(candidates, domains):
    config = study(designs={"swarm": {"method": "dirichlet", "runs": candidates}}).config
    return KINDS["swarm"].weights(KINDS["swarm"].rows(config), domains)


def test_the_order_of_a_pool_does_not_matter_where_its_mixtures_repeat():
    corners = np.repeat(np.eye(3), 5, axis=0)
    pool = np.concatenate([corners, candidates(rows=20, domains=3), corners[:4]])
    chosen = choose_different([pool], 40)
    assert len(chosen) == 23 and nearest(chosen).min() > EQUAL
    rows = np.random.default_rng(4).permutation(len(pool))
    np.testing.assert_array_equal(choose_different([pool[rows]], 40), chosen)
    measured = chosen[:6]
    after = choose_different([pool], 40, measured)
    assert len(after) == 17
    np.testing.assert_array_equal(choose_different([pool[rows]], 40, measured), after)


def test_bounds_that_leave_few_mixtures_give_each_again_in_order():
    config = informative(runs=12).config
    rows = KINDS["informative"].rows({**config, "goal": {**config["goal"], "fixed": FIXED}})
    weights = KINDS["informative"].weights(rows, DOMAINS)
    np.testing.assert_allclose(weights, np.tile([[0.5, 0.3, 0.2]], (12, 1)), atol=1e-12)


def test_candidates_that_repeat_come_after_all_others():
    corners = np.repeat(np.eye(3), 4, axis=0)
    order = choose(corners, 12)
    assert sorted(order[:3]) == [0, 4, 8] and sorted(order) == list(range(12))
    assert choose(corners, 5) == order[:5]
    near = choose(np.concatenate([corners, candidates(rows=6, domains=3)]), 9)
    assert set(range(12, 18)) < set(near)


def test_the_method_changes_no_name_of_a_dirichlet_swarm():
    assert names(study(designs={"swarm": {"candidates": 99}}), "swarm") == names(study(), "swarm")


def test_more_runs_than_candidates_is_one_line():
    with pytest.raises(
        MixwrightError,
        match=r"designs\.swarm\.candidates: 20 candidates are fewer .* raise the candidates",
    ):
        informative(candidates=20)


def write(path, mixtures, order=None):
    frame = pd.DataFrame(np.round(mixtures, 3), columns=[f"d{i}" for i in range(mixtures.shape[1])])
    frame.insert(0, "index", [f"{i:03}" for i in range(len(mixtures))])
    frame.iloc[slice(None) if order is None else order].to_csv(path, index=False)
    return str(path)


def test_the_command_writes_the_chosen_rows_as_they_stand(tmp_path):
    table = write(tmp_path / "m.csv", candidates())
    assert (
        main(
            ["design", "--candidates", table, "--runs", "24", "--to", str(tmp_path / "chosen.csv")]
        )
        == 0
    )
    before, after = (
        pd.read_csv(table, dtype=str).set_index("index"),
        pd.read_csv(tmp_path / "chosen.csv", dtype=str).set_index("index"),
    )
    pd.testing.assert_frame_equal(after, before.loc[after.index])
    assert len(after) == 24
    write(tmp_path / "m.csv", candidates(), order=np.random.default_rng(5).permutation(200))
    main(["design", "--candidates", table, "--runs", "24", "--to", str(tmp_path / "again.csv")])
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "chosen.csv").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,a,b\n1,.5,.5\n1,.2,.8\n", r"line 3 \(id 1\): the id stands on line 2 already"),
        (
            "id,a,b\n1,.5,.5\n2,.2,.4\n",
            r"line 3 \(id 2\): the weights sum to 0.6, not to 1 .*; complete its domains",
        ),
        ("id,a,b\n1,.5,.5\n2,-.2,1.2\n", r"line 3 \(id 2\): a has weight -0.2"),
        ("id,a,b\n1,.5,\n2,.2,.8\n", r"line 2 \(id 1\): b is empty, no finite number"),
        ("id,a,b\n1,.5,.5\n", "2 runs asked for of 1 candidates"),
        ("a\n1\n", "line 1: a table is an id column, one column a domain"),
    ],
)
def test_a_bad_table_of_candidates_is_one_line(tmp_path, capsys, text, message):
    (tmp_path / "m.csv").write_text(text)
    assert (
        main(
            [
                "design",
                "--candidates",
                str(tmp_path / "m.csv"),
                "--runs",
                "2",
                "--to",
                str(tmp_path / "c.csv"),
            ]
        )
        == 1
    )
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error)
