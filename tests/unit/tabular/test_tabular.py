"""Tables as domains: reading, splitting by molecule, the folder on disk, the pool, the scores."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mixwright.corpus.counts import count_domains
from mixwright.errors import MixwrightError
from mixwright.tabular.dataset import PARTS, dataset_of, open_dataset, parts_of, write_dataset
from mixwright.tabular.metrics import (
    average_precision,
    drawn_precision,
    loglikelihoods,
    score_draws,
)
from mixwright.tabular.pool import Pool
from mixwright.tabular.source import prepare, read_table

FEATURES = ["a", "b", "c"]


def table(rows=400, seed=0):
    """Numbers whose first column gives the label of `plain`, the second that of `other`.

    Half of the labels of `rare` are empty.
    """
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 3)).astype(np.float32)
    labels = {
        "plain": values[:, 0] > 0,
        "other": values[:, 1] > 0.3,
        "rare": np.where(rng.random(rows) < 0.5, np.nan, values[:, 2] > 1),
    }
    return pd.DataFrame(values, columns=FEATURES).assign(
        **{name: np.asarray(column, float) for name, column in labels.items()}
    )


def datasets(rows=400):
    made = prepare(table(rows), ["plain", "other", "rare"], features=FEATURES)
    return [dataset_of(made, name, name) for name in ("rare", "plain", "other")]


def molecules():
    pytest.importorskip("rdkit")
    rows = [
        ("CCO", 1, 0),
        ("OCC", 1, 1),
        ("C1CC", 0, 1),
        ("c1ccccc1", 0, None),
        ("N[C@@H](C)C(=O)O", 1, 1),
        ("N[C@H](C)C(=O)O", 0, 1),
    ]
    return prepare(pd.DataFrame(rows, columns=["smiles", "x", "y"]), ["x", "y"], smiles="smiles")


def test_molecules_written_twice_are_one_row_and_unreadable_ones_are_counted():
    rows = molecules()
    assert (
        set(rows.ids) == {"CCO", "c1ccccc1", "CC(N)C(=O)O"}
        and rows.unreadable == 1
        and rows.repeated == 2
    )
    assert (
        rows.features.shape == (3, 2048)
        and set(rows.features.data) == {1.0}
        and rows.features[rows.ids.index("CCO")].nnz == 6
    )
    labels = rows.labels.set_index(pd.Index(rows.ids))
    assert labels.x["CCO"] == 1 and np.isnan(labels.y["CCO"])  # one says 0, one says 1
    assert (
        np.isnan(labels.x["CC(N)C(=O)O"]) and labels.y["CC(N)C(=O)O"] == 1
    )  # mirror images have one fingerprint
    assert np.isnan(labels.y["c1ccccc1"])


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.parquet"])
def test_tables_are_read_from_csv_and_parquet(tmp_path, name):
    written = table(20)
    written.to_parquet(tmp_path / name) if name.endswith("parquet") else written.to_csv(
        tmp_path / name, index=False
    )
    pd.testing.assert_frame_equal(
        read_table(tmp_path / name).astype(float), written.astype(float), rtol=1e-6
    )


def test_what_is_no_table_or_no_label_is_refused(tmp_path):
    with pytest.raises(MixwrightError, match="no such table"):
        read_table(tmp_path / "nothing.csv")
    (tmp_path / "broken.parquet").write_text("x")
    with pytest.raises(MixwrightError, match="not readable as a table"):
        read_table(tmp_path / "broken.parquet")
    with pytest.raises(MixwrightError, match=r"no column plane; did you mean plain\?"):
        prepare(table(), ["plane"], features=FEATURES)
    with pytest.raises(MixwrightError, match=r"label a holds .*; a label is 0, 1 or empty"):
        prepare(table(), ["a"], features=FEATURES)
    with pytest.raises(MixwrightError, match="label plain holds yes"):
        prepare(table().assign(plain="yes"), ["plain"], features=FEATURES)
    with pytest.raises(MixwrightError, match="feature b has an empty or infinite value"):
        prepare(table().assign(b=np.nan), ["plain"], features=FEATURES)
    with pytest.raises(MixwrightError, match="name a smiles column or feature columns"):
        prepare(table(), ["plain"])
    with pytest.raises(MixwrightError, match="train part has rows of one class only"):
        dataset_of(
            prepare(table().assign(plain=1.0), ["plain"], features=FEATURES), "plain", "plain"
        )


def test_parts_follow_from_the_key_alone_in_the_asked_shares():
    keys = [f"molecule {i}" for i in range(20_000)]
    parts = parts_of(keys)
    assert np.bincount(parts) / len(keys) == pytest.approx([0.6, 0.2, 0.2], abs=0.01)
    assert (parts_of(keys[::-1])[::-1] == parts).all() and (parts_of(keys[5:6]) == parts[5:6]).all()
    assert (parts_of(keys, seed=1) != parts).mean() > 0.4
    assert (parts_of(keys, shares=(1.0, 0.0, 0.0)) == 0).all()


def test_no_row_of_a_domains_train_is_in_another_domains_choose_or_report():
    pool = Pool.of(datasets())
    parts = [set(pool.ids[pool.rows(domain, part)]) for part in PARTS for domain in pool.domains]
    train, held_out = set().union(*parts[:3]), set().union(*parts[3:])
    assert train and held_out and not train & held_out


def test_rows_of_one_key_stay_together():
    people = table().assign(person=np.arange(400) // 4)
    made = prepare(people, ["plain"], features=FEATURES, key="person")
    dataset = dataset_of(made, "plain", "plain")
    persons = [name.split()[0] for name in dataset.ids]
    parts = pd.Series(dataset.parts).groupby(persons).nunique()
    assert len(dataset.ids) == 400 and len(parts) == 100 and (parts == 1).all()


def test_a_domain_comes_back_from_its_folder_and_its_counts_are_a_domains_table(tmp_path):
    made = datasets()
    for dataset in made:
        write_dataset(dataset, {"made": "here"}, tmp_path / dataset.domain)
        again = open_dataset(tmp_path / dataset.domain)
        assert (
            again.fingerprint == dataset.fingerprint
            and again.split == dataset.split
            and (again.ids == dataset.ids).all()
        )
        assert np.array_equal(again.features, dataset.features) and np.array_equal(
            again.labels, dataset.labels
        )
    counted = count_domains([tmp_path / dataset.domain for dataset in made]).set_index(
        ["domain", "split"]
    )
    for dataset in made:
        assert counted.tokens[dataset.domain, "train"] == len(dataset.where("train"))
    assert counted.documents.xs("plain").sum() == 400


def test_bits_come_back_as_bits(tmp_path):
    made = molecules()
    dataset = dataset_of(prepare_bits(made), "x", "x")
    write_dataset(dataset, made.versions, tmp_path / "x")
    again = open_dataset(tmp_path / "x").features
    assert sparse.issparse(again) and (again != dataset.features).nnz == 0


def prepare_bits(made):
    """The molecules' bits under 300 made-up names, so that every part has both classes."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 3, 300)
    ids = tuple(f"{i:03}" for i in range(300))
    labels = pd.DataFrame({"x": rng.integers(0, 2, 300).astype(float)})
    return type(made)(ids, ids, made.features[rows], labels, 0, 0, made.versions)


def test_a_folder_that_was_changed_is_refused(tmp_path):
    write_dataset(datasets()[0], {}, tmp_path / "rare")
    manifest = json.loads((tmp_path / "rare" / "manifest.json").read_text())
    (tmp_path / "rare" / "manifest.json").write_text(json.dumps(manifest | {"sha256": "0"}))
    with pytest.raises(MixwrightError, match="not those of the manifest"):
        open_dataset(tmp_path / "rare")
    (tmp_path / "rare" / "rows.npz").write_text("x")
    with pytest.raises(MixwrightError, match="not a dataset"):
        open_dataset(tmp_path / "rare")


def test_a_mixture_weighs_rows_as_their_union_would():
    pool = Pool.of(datasets())
    weights = np.array([0.2, 0.5, 0.3])
    mixed = pool.mixed(weights)
    assert mixed.weights.mean() == pytest.approx(1) and len(mixed) == (pool.parts == 0).sum()
    p = np.random.default_rng(1).random(len(mixed))
    merged = (
        -(mixed.weights @ (mixed.labels * np.log(p) + (1 - mixed.labels) * np.log(1 - p)))
        / mixed.weights.sum()
    )
    place = {name: j for j, name in enumerate(pool.ids[pool.parts == 0])}
    union = 0.0
    for i, domain in enumerate(pool.domains):
        rows = pool.rows(domain, "train")
        values = loglikelihoods(p[[place[name] for name in pool.ids[rows]]], pool.labels[rows, i])
        union -= weights[i] * values.mean()
    assert merged == pytest.approx(union, rel=1e-12)


def test_a_domain_alone_is_its_own_rows():
    pool = Pool.of(datasets())
    alone = pool.mixed(np.array([0.0, 0.0, 1.0]))
    rows = pool.examples("rare", "train")
    assert pool.domains[2] == "rare" and len(alone) == len(rows) == pool.sizes()[2]
    assert (
        np.array_equal(alone.labels, rows.labels)
        and np.allclose(alone.weights, 1)
        and np.array_equal(alone.features, rows.features)
    )


def test_datasets_of_other_features_or_another_split_do_not_pool():
    made = prepare(table(), ["plain", "other"], features=FEATURES)
    with pytest.raises(MixwrightError, match="another split"):
        Pool.of([dataset_of(made, "plain", "plain"), dataset_of(made, "other", "other", seed=1)])
    two = prepare(table(), ["other"], features=FEATURES[:2])
    with pytest.raises(MixwrightError, match="other features"):
        Pool.of([dataset_of(made, "plain", "plain"), dataset_of(two, "other", "other")])


@pytest.mark.parametrize("ties", [False, True])
def test_average_precision_is_scikit_learns(ties):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(20):
        labels = (rng.random(200) < 0.1).astype(float)
        labels[0] = 1
        scores = rng.integers(0, 12, 200) / 12 if ties else rng.random(200)
        counts = rng.integers(0, 3, 200)
        counts[0] = 1
        assert average_precision(labels, scores) == pytest.approx(
            metrics.average_precision_score(labels, scores), abs=1e-12
        )
        expected = metrics.average_precision_score(labels, scores, sample_weight=counts)
        assert drawn_precision(labels, scores, np.stack([counts, 2 * counts])) == pytest.approx(
            expected, abs=1e-12
        )


def test_average_precision_needs_a_positive():
    with pytest.raises(MixwrightError, match="no example has the label 1"):
        average_precision(np.zeros(5), np.arange(5.0))


def test_draws_of_two_arms_are_of_the_same_rows():
    """Draws are paired: the difference of two arms spreads less than either.

    A row that two targets label is drawn as often for both.
    """
    rng = np.random.default_rng(0)
    labels = (rng.random(800) < 0.1).astype(float)
    p = 1 / (1 + np.exp(3 - 2 * labels - rng.normal(size=800)))
    arms = {"theirs": p, "same": p, "better": p ** (1 - 0.3 * labels)}
    rows = [
        pd.DataFrame(
            {"mixer": arm, "seed": 1, "task": task, "example": np.arange(800), "label": labels}
        ).assign(loglikelihood=loglikelihoods(scores, labels))
        for arm, scores in arms.items()
        for task in ("one", "two")
    ]
    drawn = score_draws(pd.concat(rows), ["one", "two"], draws=300)
    assert (drawn.loc["one", "same"] == drawn.loc["one", "theirs"]).all() and (
        drawn.loc["two"] == drawn.loc["one"]
    ).all(axis=None)
    gain = drawn.loc["one", "better"] - drawn.loc["one", "theirs"]
    assert gain.std() < drawn.loc["one", "theirs"].std() and np.quantile(gain, 0.025) > 0


def test_loglikelihoods_are_those_of_the_true_label():
    assert loglikelihoods(np.array([0.25, 0.25, 1.0]), np.array([1, 0, 0])) == pytest.approx(
        np.log([0.25, 0.75, 1e-7]), rel=1e-6
    )
