from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixwright import tables
from mixwright.errors import MixwrightError
from mixwright.progress import Done, say
from mixwright.proxies import evaluate
from mixwright.proxies import pack as stage
from mixwright.proxies.checkpoint import Checkpoint
from mixwright.proxies.collect import collect
from mixwright.proxies.evaluate import evaluate_batch
from mixwright.proxies.measurements import Measurements
from mixwright.proxies.pack import train_pack
from mixwright.study.study import Study
from pack_runs import RUNS, mixtures
from shard_files import examples, make_shards
from study_runs import RUN, STUDY


@pytest.fixture
def pack(tmp_path):
    """Trains runs into a pack under tmp_path, and counts the members that were really trained.

    `go.measured` gathers what was measured of them.
    """
    shards = make_shards(tmp_path)
    trained: list[int] = []

    def go(runs=RUNS, name="pack", monkeypatch=None, shards=shards, log=say, **changes) -> Path:
        plain = stage.train

        def counting(members, *args, **rest):
            plain(members, *args, **rest | {"on_finished": counted(rest)})

        with monkeypatch.context() as context:
            context.setattr(stage, "train", counting)
            train_pack(
                runs,
                mixtures(),
                shards[::-1],
                {"held": examples(2, seed=9)},
                Study(STUDY | changes),
                tmp_path / "store",
                tmp_path / name,
                log,
            )
        return tmp_path / name

    def counted(rest):
        def keep(member, result):
            trained.append(1)
            rest["on_finished"](member, result)

        return keep

    def measured(path, runs=RUNS, shards=shards, texts=None, **changes) -> Path:
        evaluate_batch(
            [path],
            [runs],
            mixtures(),
            shards,
            texts or {"held": examples(2, seed=9)},
            Study(STUDY | changes),
            tmp_path / "store",
            tmp_path / f"measured {path.name}",
        )
        return tmp_path / f"measured {path.name}"

    go.trained, go.shards, go.measured = trained, shards, measured
    return go


def test_a_batch_older_than_a_column_is_read_with_nulls(pack, monkeypatch, tmp_path):
    table = pq.read_table(pack.measured(pack(monkeypatch=monkeypatch)))
    old = pa.list_(
        pa.struct(
            [
                field
                for field in table.schema.field("loglikelihoods").type.value_type
                if field.name != "label"
            ]
        )
    )
    rows = [
        [{key: fact[key] for key in fact if key != "label"} for fact in facts]
        for facts in table["loglikelihoods"].to_pylist()
    ]
    at = table.schema.get_field_index("loglikelihoods")
    pq.write_table(
        table.set_column(at, pa.field("loglikelihoods", old), pa.array(rows, old)),
        tmp_path / "old.parquet",
    )
    frame = collect([tmp_path / "old.parquet"], "loglikelihoods")
    assert len(frame) and frame.label.isna().all()


def test_a_pack_becomes_long_tables_that_keep_their_contracts(pack, monkeypatch):
    path = pack(monkeypatch=monkeypatch)
    assert pq.read_schema(path).names == tables.RESULTS.schema.names
    assert pq.read_table(path)["run"].to_pylist() == [run.name for run in RUNS]
    along = pq.read_table(path)["losses"].to_pylist()
    assert {fact["step"] for facts in along for fact in facts} == {4}
    path = pack.measured(path)
    assert pq.read_schema(path).names == tables.MEASURED.schema.names
    losses = tables.check(collect([path], "losses"), tables.LOSSES, "losses")
    assert (
        len(losses) == 4 * 4 * 2
        and set(losses.target) == {"held", "a", "b", "c"}
        and set(losses.step) == {4, 8}
    )
    realised = tables.check(collect([path], "realised"), tables.REALISED, "realised")
    assert realised.groupby("run").tokens.sum().unique().tolist() == [8 * 4 * 32]
    likelihoods = tables.check(
        collect([path], "loglikelihoods"), tables.LOGLIKELIHOODS, "loglikelihoods"
    )
    assert set(likelihoods.run) == {RUNS[2].name}
    assert likelihoods.groupby("target").size().to_dict() == {"b": 3, "held": 3}
    assert likelihoods.loglikelihood.max() < 0 and likelihoods.scored_tokens.max() <= 19


def test_what_another_job_overwrote_does_not_pass_for_a_run_that_diverged(pack, monkeypatch):
    path = pack(monkeypatch=monkeypatch)

    def overwritten(work, rows, store, before, log):
        Measurements(store).put(work.keys[RUNS[0].name], {}, anew=True)

    monkeypatch.setattr(evaluate, "_score", overwritten)
    with pytest.raises(MixwrightError, match=f"run {RUNS[0].name}: .*run this job again"):
        pack.measured(path)


def test_equal_mixtures_train_once_and_the_store_serves_the_rest(pack, monkeypatch):
    first = pack(monkeypatch=monkeypatch)
    assert len(pack.trained) == 3
    again = pack(RUNS[1:3], "again", monkeypatch)
    assert len(pack.trained) == 3
    assert pq.read_table(again).equals(pq.read_table(first).slice(1, 2))


def test_a_pack_whose_runs_another_has_trained_since_leaves_no_checkpoint(
    pack, monkeypatch, tmp_path
):
    """A job is killed on its way; packs of other runs with the same mixtures are trained."""
    often = {"proxy": STUDY["proxy"] | {"checkpoint_seconds": 0.0}}
    save = Checkpoint.save

    def killed(self, state):
        save(self, state)
        raise KeyboardInterrupt

    def checkpoints() -> list[Path]:
        return [*(tmp_path / "store/checkpoints").iterdir()]

    with monkeypatch.context() as context:
        context.setattr(Checkpoint, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            pack(RUNS[1:3], "killed", monkeypatch, **often)
    assert len(checkpoints()) == 1 and pack.trained == []
    pack(name="another", monkeypatch=monkeypatch, **often)
    assert len(checkpoints()) == 1 and len(pack.trained) == 3
    pack(RUNS[1:3], "killed", monkeypatch, **often)
    assert checkpoints() == [] and len(pack.trained) == 3


def test_another_target_trains_nothing_and_another_vocabulary_does(pack, monkeypatch):
    three = {"targets": STUDY["targets"] | {"c": {"weight": 1.0}}}
    pack(monkeypatch=monkeypatch)
    more = collect(
        [pack.measured(pack(name="more", monkeypatch=monkeypatch, **three), **three)],
        "loglikelihoods",
    )
    assert set(more.target) == {"b", "c", "held"}
    assert len(pack.trained) == 3
    wider = [
        replace(shard, vocabulary=80, unigram=np.pad(shard.unigram, (0, 16)))
        for shard in pack.shards
    ]
    pack(name="wider", monkeypatch=monkeypatch, shards=wider)
    assert len(pack.trained) == 6


def test_the_size_of_a_source_counts_where_a_sample_simulates_its_epochs(pack, monkeypatch):
    """Results of whole sources are still served; sizes that change no number are no key."""
    final = {"batch": 4, "shape": {"context": 32}}
    simulated = {
        "proxy": STUDY["proxy"] | {"simulated_epochs": True},
        "goal": {"tokens": 4096},
        "final": final,
    }
    a, b, c = pack.shards
    whole = [replace(a, source_tokens=len(a.tokens)), b, c]
    sampled = [replace(a, source_tokens=2 * len(a.tokens)), b, c]
    larger = [replace(a, source_tokens=3 * len(a.tokens)), b, c]
    trained = []
    for name, shards, changes in (
        ("unsized", pack.shards, simulated),
        ("whole", whole, simulated),
        ("sampled", sampled, simulated),
        ("larger", larger, simulated),
        ("plain", pack.shards, {}),
        ("plain sampled", sampled, {}),
    ):
        pack(name=name, monkeypatch=monkeypatch, shards=shards, **changes)
        trained.append(len(pack.trained))
    assert trained == [3, 3, 5, 7, 10, 10], "the vertex reads nothing of that source"


def test_a_diverged_run_is_named_in_one_line_when_it_is_trained_and_when_it_is_found(
    pack, monkeypatch, tmp_path
):
    plain = stage.train

    def diverging(members, *args, on_finished, **rest):
        def spoilt(member, result):
            late = replace(result, scored={}, loglikelihoods={}, diverged=True)
            on_finished(member, late if member.seed == 0 and member.mixture["b"] == 0.8 else result)

        plain(members, *args, on_finished=spoilt, **rest)

    for name in ("first", "again"):
        heard = []
        monkeypatch.setattr(stage, "train", diverging)
        pack(name=name, monkeypatch=monkeypatch, log=heard.append)
        done = {news.run: news for news in heard if isinstance(news, Done)}
        assert set(done) == {run.name for run in RUNS}
        assert [str(news) for news in done.values() if str(news)] == [
            f"run {RUNS[1].name} diverged: no finite loss at its last step; the others go on"
        ]
    assert len(pack.trained) == 3
    losses = collect([pack.measured(tmp_path / "again")], "losses")
    lost = losses[(losses.run == RUNS[1].name) & (losses.step == 8)]
    assert set(lost.status) == {"diverged"} and lost.loss.isna().all()
    assert (losses.status == "diverged").sum() == len(lost) == 4


def test_refresh_trains_again_what_is_stored(pack, monkeypatch):
    pack(monkeypatch=monkeypatch)
    pack(name="again", monkeypatch=monkeypatch, store="refresh")
    assert len(pack.trained) == 6


def test_a_run_that_the_design_lacks_is_named(pack, monkeypatch):
    stranger = replace(RUN, row=9)
    with pytest.raises(MixwrightError, match=f"no weights of run {stranger.name}"):
        pack([stranger], monkeypatch=monkeypatch)


def test_collecting_nothing_readable_names_the_pack(tmp_path):
    (tmp_path / "pack").write_text("no parquet")
    with pytest.raises(MixwrightError, match="score it again"):
        collect([tmp_path / "pack"], "losses")
