"""Training that fails in part: what was right so far is kept, and what failed is named."""

import errno
import json
import math
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from final_study import study, write_tokenizer
from killed_finals import in_a_process_that_dies, same, weights
from mixwright import files, tables
from mixwright.errors import MixwrightError
from mixwright.finals.arm import Arm
from mixwright.finals.score import evaluate_finals
from mixwright.finals.train import train_finals
from mixwright.finals.trainer import FinalTrainer
from mixwright.jobs import lease
from mixwright.mixture import Mixture
from mixwright.progress import Done
from mixwright.proxies import pack as packs
from mixwright.proxies import timing, tuning
from mixwright.proxies.checkpoint import Checkpoint, Clock
from mixwright.proxies.footprint import CPU_MB, member_mb
from mixwright.proxies.footprint import packed as fitted
from mixwright.proxies.refresh import Refresh
from mixwright.proxies.wave import Wave
from mixwright.study.study import Study
from pack_runs import RUNS, mixtures
from shard_files import examples, make_shards
from small_packs import FOURS, SETTINGS, eight, numbers, run
from study_runs import STUDY

ARM = Arm("natural", 1, Mixture(("a", "b", "c"), (0.5, 0.2, 0.3)))
THREE = [ARM, replace(ARM, mixer="regmix", seed=2), replace(ARM, mixer="uniform", seed=3)]
STEPS = 40


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer")


@pytest.fixture
def finals(shards, tokenizer, tmp_path):
    def go(arms, store="use", name="finals", steps=STEPS, log=lambda news: None, **final):
        to = tmp_path / f"{name}.parquet"
        config = study(steps, store, **final)
        train_finals(arms, shards, tokenizer, config, tmp_path / "store", to, log)
        return tables.read(to, tables.FINALS)

    return go


@pytest.fixture
def steps_taken(monkeypatch):
    """Seeds of the steps that finals take, and at which step the loss of a seed is NaN."""
    plain = FinalTrainer._step
    taken: list[int] = []
    spoilt: dict[int, int] = {}

    def step(self, *args, **rest):
        taken.append(self.args.seed)
        loss = plain(self, *args, **rest)
        if spoilt.get(self.args.seed) == self.state.global_step + 1:
            return loss * math.nan
        return loss

    monkeypatch.setattr(FinalTrainer, "_step", step)
    return taken, spoilt


def test_a_diverged_final_stops_early_and_the_others_of_its_pack_are_trained_and_scored(
    finals, steps_taken, shards
):
    taken, spoilt = steps_taken
    spoilt[1] = 5
    heard = []
    rows = finals(THREE, log=heard.append).set_index("mixer")
    assert taken.count(1) == 5 and taken.count(2) == taken.count(3) == STEPS
    assert rows.status["natural"] == "diverged" and rows.step["natural"] == 5
    assert rows.folder.isna().tolist() == rows.train_loss.isna().tolist() == [True, False, False]
    (news,) = [news for news in heard if isinstance(news, Done) and news.diverged]
    assert "natural, seed 1 diverged: no finite loss at step 5" in str(news)
    assert "final.optimizer.muon_lr" in str(news) and "\n" not in str(news)
    before = len(taken)
    finals(THREE, name="again")
    assert len(taken) == before, "no retry: that it diverged is its result"
    scored = evaluate_finals(rows.reset_index(), {}, shards, study(STEPS), log=str)
    assert set(scored.scores.mixer) == {"regmix", "uniform"} == set(scored.documents.mixer)


def test_one_arm_of_three_diverges_two_are_scored_and_one_is_told_on_the_page(
    finals, steps_taken, shards
):
    """From the training to the page, by the functions of the workflow."""
    import study_tables
    from mixwright.report.page import summary_page
    from mixwright.report.summary import summarise

    _, spoilt = steps_taken
    spoilt[2] = 7
    rows = finals(THREE)
    scores = evaluate_finals(rows, {}, shards, study(STEPS), log=str).scores
    config = study_tables.study() | {
        "targets": {name: {"source": "files", "weight": 1.0} for name in "abc"}
    }
    design, losses = study_tables.proxies()
    names = dict(zip(study_tables.TARGETS, "abc", strict=True))
    losses = losses.assign(target=losses.target.map(names))
    proposals = []
    for mixture in study_tables.mixtures():
        if mixture["mixer"] in {arm.mixer for arm in THREE}:
            predicted = dict.fromkeys("abc", 5.0) if mixture["predicted"] else {}
            proposals.append(mixture | {"predicted": predicted, "intervals": {}})
    reads = {"regmix": ["swarm"]}
    # no seed is shared here: each arm of the test has one of its own
    rows, scores = rows.assign(seed=1), scores.assign(seed=1)
    mixers = {"mixers": {arm.mixer: {} for arm in THREE}}
    settings = Study(config | mixers)
    summary = summarise(settings, scores, design, losses, proposals, finals=rows, reads=reads)
    assert {arm.mixer for arm in summary.arms} == {"natural", "uniform"}
    page = summary_page(summary, {})
    assert "These final models diverged and have no score: regmix with seed 1 (step 7)." in page


@pytest.mark.parametrize(
    "lost", [{1: 1, 2: 1, 3: 1}, {3: STEPS}, {2: 17, 3: 2}], ids=["all", "last", "two"]
)
def test_any_of_a_pack_may_diverge_at_any_step(finals, steps_taken, shards, lost, tmp_path):
    taken, spoilt = steps_taken
    spoilt.update(lost)
    rows = finals(THREE)
    diverged = rows[rows.status == "diverged"]
    assert dict(zip(diverged.seed, diverged.step, strict=True)) == lost
    assert all(taken.count(seed) == lost.get(seed, STEPS) for seed in (1, 2, 3))
    assert not list((tmp_path / "store/finals").glob("*.checkpoint"))
    scored = evaluate_finals(rows, {}, shards, study(STEPS), log=str)
    tables.write(scored.scores, tmp_path / "scores.parquet", tables.SCORES)
    tables.write(scored.documents, tmp_path / "documents.parquet", tables.DOCUMENTS)
    assert set(tables.read(tmp_path / "scores.parquet", tables.SCORES).seed) == {1, 2, 3} - {*lost}


def test_weights_that_the_last_update_spoils_are_no_model(finals, monkeypatch):
    """Every loss was finite; nobody computes one after the last step."""
    plain = FinalTrainer.training_step

    def spoil(self, model, *args, **rest):
        loss = plain(self, model, *args, **rest)
        if self.state.global_step + 1 == STEPS:
            next(model.parameters()).data.fill_(math.inf)
        return loss

    monkeypatch.setattr(FinalTrainer, "training_step", spoil)
    rows = finals([ARM])
    assert rows.status[0] == "diverged" and rows.step[0] == STEPS


def test_no_checkpoint_holds_spoilt_weights_and_a_resumed_final_counts_from_its_start(
    finals, steps_taken, monkeypatch
):
    taken, spoilt = steps_taken
    spoilt[1] = 20
    work = lambda: finals([ARM])  # noqa: E731
    in_a_process_that_dies(monkeypatch, 13, signal.SIGKILL, work)
    rows = finals([ARM])
    assert rows.step[0] == 20 and len(taken) == 10  # from the checkpoint at 10


def test_a_higher_rate_that_diverges_is_another_final_than_the_lower_one(finals):
    from final_study import OPTIMIZER

    wild = finals([ARM], optimizer=OPTIMIZER | {"adam_lr": 1e38})
    assert wild.status[0] == "diverged"
    assert finals([ARM]).folder[0]


# -- locks


@pytest.mark.parametrize("code", ["ENOLCK", "ENOTSUP", "EINVAL", "ENOSYS"])
def test_without_locks_finals_are_trained_and_gpus_are_taken(code, finals, monkeypatch, capsys):
    def refuse(file, operation):
        raise OSError(getattr(errno, code), "no locks here")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    assert finals([ARM], steps=5).folder[0]
    folder = Path(finals([ARM], steps=5).folder[0]).parents[3] / "leases"
    listing = "GPU 0: A (UUID: GPU-1)\n"
    monkeypatch.setattr(lease, "_held", [])
    environment: dict[str, str] = {}
    assert lease.take(1, environment, lambda: listing, folder) == ["GPU-1"]
    warning = capsys.readouterr().err
    assert "two jobs may take the same GPU" in warning and "no locks here" in warning


def test_a_lock_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    lock = files.alone(tmp_path / "file" / "lock")
    with pytest.raises(MixwrightError, match="cannot be written"), lock:
        pass


# -- store: refresh


def test_a_killed_refresh_goes_on_from_its_last_checkpoint(finals, steps_taken, monkeypatch):
    taken, _ = steps_taken
    old = finals([ARM])
    work = lambda: finals([ARM], "refresh")  # noqa: E731
    for at in (13, 23):
        in_a_process_that_dies(monkeypatch, at, signal.SIGKILL, work)
    taken.clear()
    assert same(weights(work()), weights(old))
    assert len(taken) == STEPS - 20
    taken.clear()
    work()
    assert len(taken) == STEPS, "that refresh has ended, and this is another"


def test_a_refresh_of_equal_arms_that_is_killed_twice_trains_them_once(
    finals, steps_taken, monkeypatch, tmp_path
):
    taken, _ = steps_taken
    arms = [ARM, replace(ARM, mixer="uniform"), replace(ARM, mixer="regmix", seed=2)]
    old = finals(arms)
    work = lambda: finals(arms, "refresh")  # noqa: E731
    for at in (13, 33):
        in_a_process_that_dies(monkeypatch, at, signal.SIGTERM, work)
    taken.clear()
    new = work()
    # SIGTERM keeps every step; the second mixer's final is the first one's
    assert taken == [1] * (STEPS - 33) + [2] * STEPS
    folders = new.set_index("mixer").folder
    assert folders["natural"] == folders["uniform"] != folders["regmix"]
    assert new.train_loss.tolist() == old.train_loss.tolist()
    names = {path.name for path in (tmp_path / "store/finals").iterdir()}
    assert names == {Path(folder).parent.name for folder in new.folder}


def test_a_killed_refresh_trains_no_final_a_third_time(finals, steps_taken, monkeypatch, tmp_path):
    taken, _ = steps_taken
    finals(THREE)
    arms, plain = THREE[:2], Refresh.add
    monkeypatch.setattr(Refresh, "add", lambda self, key: plain(self, key) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        finals(arms, "refresh")
    monkeypatch.setattr(Refresh, "add", plain)
    taken.clear()
    finals(arms, "refresh")
    assert taken == [2] * STEPS
    assert not list(tmp_path.glob(".*.refresh"))


def test_a_refresh_does_not_go_on_from_what_was_there_before(finals, steps_taken, monkeypatch):
    taken, _ = steps_taken
    in_a_process_that_dies(monkeypatch, 13, signal.SIGKILL, lambda: finals([ARM]))
    finals([ARM], "refresh")
    assert len(taken) == STEPS


def test_a_refresh_of_another_version_starts_anew(tmp_path):
    order = Refresh.of(tmp_path / "pack")
    order.add("key")
    assert Refresh.of(tmp_path / "pack") == order
    content = json.loads(order.path.read_text())
    order.path.write_text(json.dumps(content | {"version": "0"}))
    assert Refresh.of(tmp_path / "pack").done == []
    order.path.write_text("half of it")
    assert Refresh.of(tmp_path / "pack").done == []


def test_a_killed_refresh_of_proxies_keeps_what_it_trained(shards, tmp_path, monkeypatch):
    trained = []
    plain = packs.Results.put

    def go(store: str) -> Path:
        to = tmp_path / "pack"
        config = Study(STUDY | {"store": store})
        texts = {"held": examples(2, seed=9)}
        packs.train_pack(RUNS, mixtures(), shards, texts, config, tmp_path / "store", to)
        return to

    def dies_after_two(self, member, result):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(member.key)
        plain(self, member, result)

    before = pq.read_table(go("use"))
    monkeypatch.setattr(packs.Results, "put", dies_after_two)
    with pytest.raises(KeyboardInterrupt):
        go("refresh")
    monkeypatch.setattr(
        packs.Results,
        "put",
        lambda self, member, result: trained.append(member.key) or plain(self, member, result),
    )
    assert pq.read_table(go("refresh")).equals(before)
    assert len(trained) == len(set(trained)) == 3
    assert not list((tmp_path / "store/checkpoints").glob("*"))


# -- memory


@pytest.mark.parametrize("context", [64, 256, 512, 1024, 2048, 4096])
def test_no_kernel_that_a_calibration_may_choose_takes_more_than_its_job_asks_for(context):
    from least_study import study as least
    from mixwright.jobs.resources import BASE_MB, memory_mb

    random = np.random.default_rng(context)
    compared = 0
    for _ in range(40):
        heads = int(random.integers(1, 17))
        width = 16 * heads * int(random.integers(1, 5))
        shape = {"architecture": "llama", "layers": int(random.integers(1, 13)), "width": width}
        shape |= {"heads": heads, "hidden": 4 * width, "context": context}
        proxy = STUDY["proxy"] | dict.fromkeys(tuning.KEYS, "auto")
        proxy |= {"shape": shape, "batch": int(random.integers(1, 65))}
        proxy["attention"] = str(random.choice(["auto", "explicit", "fused"]))
        if random.random() < 0.3:
            proxy["micro_batch"] = int(random.integers(1, 65))
        config = least()
        config = Study({**config.config, "proxy": config.proxy | proxy})
        vocabulary = int(config.config["tokenizer"]["vocabulary"])
        machine = tuning.Machine("here", True, False, CPU_MB)
        tried: list[tuning.Choice] = []
        timed = lambda choice: tried.append(choice) or 1 / len(tried)  # noqa: B023, E731
        tuning.calibrate(proxy, vocabulary, 10**12, machine, timed)
        asked = memory_mb(config, "proxy") - BASE_MB["proxy"]
        for choice in tried:
            member = member_mb(shape, vocabulary, choice.micro_batch, choice.attention)
            assert choice.wave * member <= asked + 1
            compared += 1
    assert compared > 40


def test_explicit_attention_is_counted_at_every_context():
    shape = {"layers": 4, "width": 128, "heads": 8, "hidden": 512, "context": 1024}
    explicit = member_mb(shape, 100, 4, "explicit") - member_mb(shape, 100, 4, "fused")
    assert explicit > 0.99 * 4 * 4 * 8 * 1024 * 1024 * 4 / 2**20, (
        "a probability a layer, head and pair"
    )
    proxy = {"shape": shape | {"context": 256}, "batch": 64, "device": "cpu"}
    assert fitted(proxy, 100, CPU_MB, "explicit") == fitted(proxy, 100, CPU_MB, "fused")


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("full"), MemoryError(), RuntimeError("DefaultCPUAllocator")]
)
def test_memory_that_is_full_in_a_timing_is_an_answer(error, monkeypatch, tmp_path):
    def full(proxy, vocabulary, choice):
        if choice.attention == "explicit" or choice.compile:
            raise error
        return 1.0

    monkeypatch.setattr(timing, "_seconds", full)
    proxy = STUDY["proxy"] | dict.fromkeys(tuning.KEYS, "auto")
    machine = tuning.Machine("here", False, True, CPU_MB)
    timed = lambda choice: timing.seconds_of(proxy, 64, choice)  # noqa: E731
    made = tuning.calibrate(proxy, 64, 10**10, machine, timed, tmp_path)
    assert made["choices"]["attention"] == "fused" and made["choices"]["compile"] is False
    (path,) = tmp_path.iterdir()
    assert "Infinity" not in path.read_text() and None in made["seconds"].values()


def test_where_no_choice_fits_the_calibration_says_so_and_goes_on(monkeypatch):
    proxy = STUDY["proxy"] | dict.fromkeys(tuning.KEYS, "auto")
    machine = tuning.Machine("here", True, True, CPU_MB)
    made = tuning.calibrate(proxy, 64, 10**10, machine, lambda choice: math.inf)
    assert "fits into memory" in made["reasons"]["timing"]


def test_another_fault_in_a_timing_is_no_lack_of_memory(monkeypatch):
    def broken(proxy, vocabulary, choice):
        raise RuntimeError("broken")

    monkeypatch.setattr(timing, "_seconds", broken)
    with pytest.raises(RuntimeError, match="broken"):
        timing.seconds_of(STUDY["proxy"], 64, tuning.Choice())


def test_halves_of_a_wave_save_to_files_of_their_own(tmp_path, monkeypatch):
    """Memory holds two of four; the job is stopped in the second half, and goes on there."""
    plain, save, saved, stepped = Wave.advance, Checkpoint.save, [], []

    def full(self):
        if len(self.members) > 2:
            raise torch.OutOfMemoryError("full")
        stepped.append([member.key for member in self.members])
        plain(self)

    def saving(self, state):
        saved.append(self._path.name)
        save(self, state)
        if state["step"] == 7 and len(set(saved)) == 2:
            raise KeyboardInterrupt

    whole = run(tmp_path / "shards", eight()[:4], FOURS)
    monkeypatch.setattr(Wave, "advance", full)
    monkeypatch.setattr(Checkpoint, "save", saving)
    monkeypatch.setattr(Checkpoint, "due", lambda self, soon=False: True)
    results = {}
    keep = lambda member, result: results.update({member.key: result})  # noqa: E731
    kept = tmp_path / "checkpoints"
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "shards", eight()[:4], FOURS, checkpoints=kept, on_finished=keep)
    assert len(set(saved)) == 2 and len(results) == 2
    stepped.clear()
    monkeypatch.setattr(Checkpoint, "save", save)
    rest = run(tmp_path / "shards", eight()[:4], FOURS, checkpoints=kept, finished={*results})
    assert len(stepped) == 12 - 7
    assert {key: numbers(result) for key, result in (results | rest).items()} == {
        key: numbers(result) for key, result in whole.items()
    }
    assert not list(kept.iterdir())


# -- devices and precision


def test_cuda_without_a_gpu_is_one_line_before_anything_is_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MixwrightError, match="set the device to cpu"):
        tuning.machine("cuda")


@pytest.mark.parametrize("there", ["", "nvidia0", "kfd", "sbatch", "nvidia-smi"])
def test_a_machine_without_gpu_and_scheduler_is_told_when_the_study_is_parsed(
    there, tmp_path, monkeypatch
):
    monkeypatch.setattr(lease.shutil, "which", lambda program: there if program == there else None)
    (tmp_path / "null").touch()
    if there:
        (tmp_path / there).touch()
    assert lease.can_reach_gpu(tmp_path) == bool(there)


@pytest.mark.parametrize("command", ["calibrate", "train-proxies"])
def test_jobs_on_cuda_without_a_gpu_end_in_one_line(command, shards, tmp_path, monkeypatch, capsys):
    from least_study import study as least
    from mixwright.__main__ import main

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(lease, "list_gpus", str)
    config = least(proxy={"device": "cuda"})
    config.write(tmp_path / "study.json")
    folders = [str(shard.tokens.filename.parent) for shard in shards]
    choices = {"choices": dict.fromkeys(tuning.KEYS, "auto"), "asked": {}}
    texts = {"shards": folders, "targets": [], "domains": ""} | choices
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    line = [command, "--study", str(tmp_path / "study.json"), "--store", str(tmp_path / "store")]
    line += ["--texts", str(tmp_path / "texts.json"), "--to", str(tmp_path / "to")]
    if command == "train-proxies":
        line += ["--pack", next(iter(config.packs)), "--scored", str(tmp_path / "texts.json")]
    assert main(line) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "device: cuda is asked for, and torch finds none" in error


def test_emulated_bfloat16_is_no_hardware(monkeypatch):
    class Gpu:
        name, total_memory = "Tesla", 2**34

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: Gpu)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation
    )
    assert tuning.machine("cuda").bfloat16 is False


# -- what a resumed training says, and what SIGTERM leaves


@pytest.mark.parametrize("at", [14, 37, 39])
def test_the_training_loss_of_a_resumed_final_is_that_of_an_unbroken_one(
    at, finals, monkeypatch, tmp_path
):
    whole = finals([ARM])
    for folder in (tmp_path / "store/finals").iterdir():
        folder.rename(tmp_path / folder.name)
    work = lambda: finals([ARM])  # noqa: E731
    status = in_a_process_that_dies(monkeypatch, at, signal.SIGTERM, work)
    assert os.WEXITSTATUS(status) == 143
    assert work().train_loss[0] == whole.train_loss[0]


def test_sigterm_while_results_are_measured_saves_the_others_progress(tmp_path, monkeypatch):
    members = [replace(member, steps=6 if i < 2 else 12) for i, member in enumerate(eight()[:4])]
    unbroken = run(tmp_path / "shards", members, SETTINGS)
    results = {}

    def end(member, result):
        results[member.key] = result
        os.kill(os.getpid(), signal.SIGTERM)

    kept = tmp_path / "checkpoints"
    monkeypatch.setattr(Checkpoint, "due", lambda self, soon=False: False)
    with pytest.raises(SystemExit):
        run(tmp_path / "shards", members, SETTINGS, checkpoints=kept, on_finished=end)
    assert len(results) == 2
    plain, steps = Wave.advance, []
    monkeypatch.setattr(Wave, "advance", lambda self: steps.append(1) or plain(self))
    rest = run(tmp_path / "shards", members, SETTINGS, checkpoints=kept, finished={*results})
    assert len(steps) == 6
    assert {key: numbers(result) for key, result in (results | rest).items()} == {
        key: numbers(result) for key, result in unbroken.items()
    }


FULL = [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("file write failed")]


@pytest.mark.parametrize("error", FULL, ids=["os", "torch"])
def test_a_full_disk_costs_a_checkpoint_and_the_last_good_one_stays(
    error, tmp_path, monkeypatch, capsys
):
    plain = torch.save
    kept = Checkpoint(tmp_path, "wave", Clock(0.0))
    kept.save({"step": 3})

    def full(state, path):
        Path(path).write_text("half")
        raise error

    monkeypatch.setattr(torch, "save", full)
    kept.save({"step": 4})
    assert kept.load() == {"step": 3} and len(list(tmp_path.iterdir())) == 1
    warning = capsys.readouterr().err
    assert "no checkpoint could be saved" in warning and warning.count("\n") == 1
    monkeypatch.setattr(torch, "save", plain)
    kept.save({"step": 5})
    assert kept.load() == {"step": 5}


@pytest.mark.parametrize("error", FULL, ids=["os", "torch"])
def test_a_full_disk_ends_no_final_and_a_kill_after_it_goes_on_from_the_one_before(
    error, finals, steps_taken, monkeypatch, capsys
):
    taken, _ = steps_taken
    plain = torch.save

    def full(state, path):
        if "checkpoint-15" in str(path):
            raise error
        plain(state, path)

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        in_a_process_that_dies(patched, 17, signal.SIGKILL, lambda: finals([ARM]))
    taken.clear()
    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        rows = finals([ARM])
    assert len(taken) == STEPS - 10 and rows.folder[0]
    assert "checkpoint-15: no checkpoint could be saved" in capsys.readouterr().err


def test_packs_of_two_precisions_are_told(tmp_path, capsys):
    from mixwright.proxies.collect import collect

    table = tables.MEASURED.schema.empty_table()
    for number, packs_of in enumerate(({"float32": 1, "bfloat16": 1}, {"bfloat16": 1})):
        counts = {json.dumps({"precision": how}): count for how, count in packs_of.items()}
        computed = {"computed": json.dumps(counts)}
        pq.write_table(table.replace_schema_metadata(computed), tmp_path / f"{number}.parquet")
    packs_of_two = sorted(tmp_path.iterdir())
    assert isinstance(collect(packs_of_two, "losses"), pd.DataFrame)
    warning = capsys.readouterr().err
    assert "1 of 3 packs" in warning and "float32" in warning and "bfloat16" in warning
    collect(packs_of_two[1:], "losses")
    assert not capsys.readouterr().err
