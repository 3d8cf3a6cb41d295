"""What a study takes is told before it runs, from its shape and a table or from what ran here."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from house_studies import files_of, study_of
from least_study import CONFIG, HOUSE, LEAST, study
from mixwright.errors import MixwrightError
from mixwright.files import machine_name
from mixwright.jobs.heartbeat import path_of
from mixwright.jobs.plan import devices, facts
from mixwright.jobs.plan.devices import DEVICES, device_of, gpus, known_as
from mixwright.jobs.plan.estimate import estimate, hardware_of
from mixwright.jobs.plan.flops import scoring_flops, training_flops
from mixwright.jobs.plan.head import is_run, names_cores
from mixwright.jobs.plan.here import finished
from mixwright.jobs.plan.lines import plan_lines, short_time
from mixwright.jobs.plan.plan import plan_of
from mixwright.jobs.plan.prices import read_prices
from mixwright.jobs.plan.space import space_of
from mixwright.jobs.plan.work import FITS, works
from mixwright.jobs.resources import vocabulary_of
from mixwright.proxies.footprint import parameters
from mixwright.stages.plan import plan
from mixwright.study.config import resolve
from mixwright.study.schema import read_yaml
from mixwright.study.study import Study

# RegMix's published study, arXiv 2407.01492: 512 proxies of 1,000 steps of 512 x 2,048 tokens.
PILE = [f"domain-{number}" for number in range(17)]
REGMIX = {
    "study": "regmix",
    "domains": {name: {"source": "files", "files": f"/none/{name}.jsonl"} for name in PILE},
    "targets": {name: {} for name in PILE},
    "tokenizer": {"vocabulary": 50_432},
    "proxy": {
        "model": "proxy-1m",
        "tokens": 1_000 * 512 * 2_048,
        "batch": 512,
        "device": "cuda",
    },
    "designs": {"swarm": {"runs": 512}, "repeat": {"runs": 0}},
    "mixers": {"regmix": {}},
    "finals": "none",
}


def shape_of(model: str) -> dict:
    return read_yaml(CONFIG / "models" / f"{model}.yaml")


def hours(planned: Study, device: str, number: int = 1) -> float:
    return estimate(planned, hardware_of(planned, device, number)).device_hours[device]


@pytest.mark.parametrize("vocabulary, megaflops", [(50_432, 91.6), (8_192, 26.7), (4_096, 20.4)])
def test_a_token_of_regmix_takes_as_many_operations_as_published(vocabulary, megaflops):
    counted = training_flops(shape_of("proxy-1m"), vocabulary) / 1e6
    assert counted == pytest.approx(megaflops, rel=0.005)


def test_operations_follow_the_architecture():
    """Of GPT-2 in 768: 85 M weights in the body, and the head, which is tied and counts."""
    gpt2 = {"architecture": "gpt2", "layers": 12, "width": 768, "hidden": 3072, "context": 1024}
    body = 12 * 12 * 768**2
    attention = 12 * 1024 * 768
    assert training_flops(gpt2, 50_257) == 6 * (body + 50_257 * 768 + attention)
    # three matrices in place of two
    llama = gpt2 | {"architecture": "llama"}
    assert training_flops(llama, 0) - training_flops(gpt2, 0) == 6 * 12 * 768 * 3072
    assert scoring_flops(gpt2, 100) == training_flops(gpt2, 100) / 3
    # a masked model sees all of the context, predicts a seventh, and scores in seven passes
    bert = gpt2 | {"architecture": "bert"}
    assert training_flops(bert, 0) > training_flops(gpt2, 0) + 6 * attention
    assert training_flops(bert, 50_257) < training_flops(gpt2, 50_257)
    assert scoring_flops(bert, 100) == pytest.approx(7 * training_flops(bert, 100) / 3)


def test_the_share_of_a_gpus_peak_is_the_line_through_the_published_times():
    widths, shares = [], []
    for fact in facts.FACTS:
        reached = fact.tokens_per_second * training_flops(fact.shape, fact.vocabulary)
        widths.append(fact.shape["width"])
        shares.append(reached / facts.PEAK)
    power, scale = np.polyfit(np.log(widths), np.log(shares), 1)
    assert abs(devices.POWER - power) < 0.002
    assert abs(devices.SCALE / math.exp(scale) - 1) < 0.01
    assert min(widths) == devices.NARROW and f"{len(widths)} published" in devices.ON_GPU
    off = np.log(shares) - scale - power * np.log(widths)
    assert math.exp(np.std(off)) == pytest.approx(1.4, abs=0.05)


def test_regmix_takes_its_published_a100_hours_within_30_percent():
    planned = Study(resolve(REGMIX, CONFIG))
    on_eight = estimate(planned, hardware_of(planned, "a100", 8))
    assert on_eight.runs == 512 and on_eight.tokens == 512 * 1_048_576_000
    published = 512 * 20 / 60
    assert published / 1.3 < on_eight.device_hours["a100"] < published * 1.3
    # eight of them: an eighth of the time, and the corpus before it
    trained = on_eight.device_hours["a100"] / 8
    assert trained < on_eight.wall_hours < trained + 3
    assert on_eight.factor == 2


def test_the_times_of_others_alone_foretell_regmix_within_30_percent():
    """The line through sixteen times without RegMix's own, at its width and operations."""
    others = [fact for fact in facts.FACTS if "RegMix" not in fact.source]
    assert len(others) == len(facts.FACTS) - 1
    widths, shares = [], []
    for fact in others:
        reached = fact.tokens_per_second * training_flops(fact.shape, fact.vocabulary)
        widths.append(fact.shape["width"])
        shares.append(reached / facts.PEAK)
    power, scale = np.polyfit(np.log(widths), np.log(shares), 1)
    shape = shape_of("proxy-1m")
    share = math.exp(scale) * shape["width"] ** power
    operations = 512 * 1_048_576_000 * training_flops(shape, 50_432)
    foretold = operations / (facts.PEAK * share) / 3600
    published = 512 * 20 / 60
    assert published / 1.3 < foretold < published * 1.3


def test_a_larger_study_takes_more_and_a_faster_device_less():
    small = study(proxy={"tokens": 10**8})
    more = study(proxy={"tokens": 10**8}, designs={"swarm": {"runs": 100}})
    longer = study(proxy={"tokens": 10**9})
    assert hours(small, "a100") < hours(more, "a100") < hours(longer, "a100")
    assert hours(longer, "h100") < hours(longer, "a100") < hours(longer, "v100")
    assert hours(longer, "cpu") > hours(longer, "cpu-bf16") > 50 * hours(longer, "a100")
    # float32 is asked for
    slow = study(proxy={"tokens": 10**9, "precision": "float32"})
    assert hours(slow, "a100") > hours(longer, "a100")


def test_more_devices_shorten_the_wait_and_no_further_than_the_longest_job():
    planned = study(proxy={"tokens": 10**8, "per_job": 4}, finals="none")
    waits = []
    for number in (1, 2, 1000, 2000):
        hardware = hardware_of(planned, "a100", number)
        waits.append(estimate(planned, hardware).wall_hours)
    assert waits[0] > waits[1] > waits[2] == waits[3]


def test_a_study_without_finals_pays_nothing_for_the_goal():
    small, large = study(finals="none"), study(finals="none", goal={"tokens": 3e13})
    stages = [part.stage for part in estimate(large, hardware_of(large)).parts]
    assert stages == ["corpus", "swarm", "vertex", "perturb", "repeat", "fits and report"]
    assert hours(small, "a100") == hours(large, "a100")
    said = "\n".join(plan_lines(plan_of(large, Path("/none"))))
    assert "trained elsewhere: goal.tokens cost nothing here" in said


def test_runs_of_another_size_are_counted_by_their_own_shape():
    planned = study(
        transfer={"model": "pythia-160m", "mixtures": 6}, tokenizer={"vocabulary": 50_304}
    )
    by_stage = {part.stage: part.work for part in estimate(planned, hardware_of(planned)).parts}
    swarm, transfer = by_stage["swarm"], by_stage["transfer"]
    assert transfer.runs == 6 and transfer.shape["width"] == 768
    assert transfer.flops / transfer.runs > 25 * swarm.flops / swarm.runs


def test_a_gpu_that_nobody_names_is_said_to_be_a_guess(monkeypatch):
    planned = study(proxy={"device": "cuda"})
    monkeypatch.setattr("mixwright.jobs.plan.plan.gpus", list)
    assert "not known here" in "\n".join(plan_lines(plan_of(planned, Path("/none"))))
    named = plan_of(planned, Path("/none"), "h100")
    assert "not known here" not in "\n".join(plan_lines(named))
    monkeypatch.setattr("mixwright.jobs.plan.plan.gpus", lambda: [DEVICES["h100"]] * 4)
    here_too = plan_of(planned, Path("/none"))
    assert "4 H100 SXMs" in here_too.devices
    assert "not known here" not in "\n".join(plan_lines(here_too))


def test_measured_tables_take_what_regmixs_were_recorded_to_take(capsys):
    """regmix_pile.yaml: 5.8 CPU-minutes; a plan that trains nothing is no surer than a table."""
    path = CONFIG / "studies" / "regmix_pile.yaml"
    planned = Study(resolve(yaml.safe_load(path.read_text()), CONFIG))
    told = estimate(planned, hardware_of(planned, "cpu", 2), figures=5)
    assert 5.8 / 1.5 < told.device_hours["cpu"] * 60 < 5.8 * 1.5
    assert told.factor == 2
    plan(configfile=[path])
    assert "512 runs and 13 losses: smaller ones take less" in capsys.readouterr().out


def test_a_finished_study_of_measured_runs_has_nothing_to_do(tmp_path):
    path = CONFIG / "studies" / "regmix_pile.yaml"
    planned = Study(resolve(yaml.safe_load(path.read_text()), CONFIG))
    assert plan_of(planned, tmp_path).to_go.parts
    page = tmp_path / "regmix_pile" / "report" / "summary.html"
    page.parent.mkdir(parents=True)
    page.touch()
    lines = list(plan_lines(plan_of(planned, tmp_path)))
    assert len(lines) == 1 and lines[0].startswith("plan of regmix_pile: nothing is left to do")


def test_questions_that_no_final_has_answered_are_still_to_do(tmp_path):
    written = yaml.safe_load((CONFIG / "studies" / "regmix_pile.yaml").read_text())
    planned = Study(resolve(written, CONFIG))
    asked = Study(planned.config | {"evaluation": {"tasks": {"names": ["piqa"]}}})
    page = tmp_path / "report" / "summary.html"
    page.parent.mkdir(parents=True)
    page.touch()
    assert FITS in finished(planned, tmp_path)
    assert FITS not in finished(asked, tmp_path)
    answers = tmp_path / "task_scores"
    answers.mkdir()
    for pack in asked.final_packs:
        (answers / f"{pack}.parquet").touch()
    assert FITS in finished(asked, tmp_path)


def test_trees_read_tables_and_no_text():
    path = CONFIG / "studies" / "chemistry.yaml"
    answer = plan_of(Study(resolve(yaml.safe_load(path.read_text()), CONFIG)), Path("/none"))
    assert answer.in_all.factor == 2
    told = "\n".join(plan_lines(answer))
    assert "text by bytes" not in told and "tabulated: 2 s a model" in told


def test_what_a_setting_makes_slow_or_impossible_is_said():
    slow = study(final={"device": "cuda", "processes": 4, "nodes": 2})
    told = "\n".join(plan_lines(plan_of(slow, Path("/none"), "a100", 3)))
    assert "one final takes 8 devices at once" in told and "3 are counted here" in told
    assert "final.precision is float32, whose peak on A100 is 16 times lower" in told
    fast = study(final={"device": "cuda", "precision": "bfloat16"})
    told = "\n".join(plan_lines(plan_of(fast, Path("/none"), "a100", 3)))
    assert "float32" not in told and "at once (" not in told
    # of cores nothing is said
    assert "float32" not in "\n".join(plan_lines(plan_of(study(), Path("/none"), "cpu", 2)))


def test_measured_runs_are_not_trained(capsys):
    plan(configfile=[CONFIG / "studies" / "regmix_pile.yaml"])
    said = capsys.readouterr().out
    assert "nothing is trained" in said and "FLOP" not in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("final", "reason"),
    [
        ({}, None),
        ({"trainer": "transformers"}, None),
        ({"compile": True}, "final.compile is a setting of transformers alone"),
        ({"processes": 2}, "several processes train it together"),
    ],
)
def test_a_plan_says_why_finals_are_not_packed(final, reason, tmp_path, capsys):
    config = yaml.safe_load((CONFIG / "studies" / "smoke.yaml").read_text())
    config["final"] |= final
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(config))
    plan(configfile=[tmp_path / "s.yaml"])
    told = [line for line in capsys.readouterr().out.splitlines() if "transformers trains" in line]
    expected = [f"  transformers trains the finals, one after the other: {reason}"]
    assert told == (expected if reason else [])


STUDIES = sorted(CONFIG.glob("studies/*.yaml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_of_the_repository_has_a_plan(path, capsys):
    plan(configfile=files_of(path))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"plan of {study_of(path)['study']}: ")
    assert max(map(len, lines)) < 160


def finish(planned: Study, root: Path, speed: float, host: str = "") -> None:
    """Pretends that a study's proxies are done."""
    results = root / planned.name
    planned.write(results / "study.json")
    for pack, runs in planned.packs.items():
        (results / "packs").mkdir(exist_ok=True)
        (results / "packs" / f"{pack}.parquet").touch()
        pulse = {
            "state": "finished",
            "runs": len(runs),
            "speed": speed,
            "host": host or machine_name(),
            "started": 0,
            "updated": 60,
        }
        path = path_of(results, pack)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(pulse))


def scored(planned: Study, root: Path) -> None:
    """Pretends that a study's proxies are scored."""
    results = root / planned.name
    (results / "measured").mkdir()
    for batch in planned.batches:
        (results / "measured" / f"{batch}.parquet").touch()
    targets = [f"targets/{name}.npz" for name in planned.targets]
    listed = {"targets": targets, "scoring": planned.scoring}
    (results / "scored.json").write_text(json.dumps(listed))


def test_what_is_trained_is_only_to_be_scored(tmp_path):
    planned = study()
    finish(planned, tmp_path, 1e4)
    to_go = plan_of(planned, tmp_path).to_go
    stages = [part.stage for part in to_go.parts]
    assert stages == ["corpus", "swarm", "vertex", "perturb", "repeat", "finals", "fits and report"]
    for part in to_go.parts[1:5]:
        assert part.work.jobs == {"train_proxies": 0, "evaluate_proxies": 1}
        assert part.work.runs == part.work.tokens == 0 and part.work.scored > 0


@pytest.mark.parametrize(
    "change",
    [{"targets": {"cython": {"source": "installed"}}}, {"evaluation": {"tokens": 4096}}],
    ids=["target", "tokens"],
)
@pytest.mark.parametrize(
    ("keep", "again"), [("all", 0), ("vertices", 3), ("none", 4)], ids=["all", "vertices", "none"]
)
def test_what_is_scored_anew_is_trained_again_where_weights_are_not_kept(
    tmp_path, change, keep, again
):
    planned = study(proxy={"keep": keep})
    finish(planned, tmp_path, 1e4)
    scored(planned, tmp_path)
    assert all(not part.work.tokens for part in plan_of(planned, tmp_path).to_go.parts[1:-2])
    to_go = plan_of(study(proxy={"keep": keep}, **change), tmp_path).to_go
    training = [
        part.stage for part in to_go.parts if part.work.section == "proxy" and part.work.tokens
    ]
    assert len(training) == again and ("vertex" in training) == (keep == "none")
    assert sum(part.work.jobs.get("evaluate_proxies", 0) for part in to_go.parts) == 4


def test_the_weights_of_proxies_are_counted_and_told(capsys):
    sizes = {keep: space_of(study(proxy={"keep": keep})) for keep in ("all", "vertices", "none")}
    planned = study()
    one = 2 * parameters(planned.proxy["shape"], vocabulary_of(planned, "proxy")) / 2**20
    runs = sum(map(len, planned.runs.values()))
    assert sizes["all"].proxies_mb == pytest.approx(runs * one)
    assert sizes["vertices"].proxies_mb == pytest.approx(3 * one)
    assert sizes["none"].proxies_mb == 0
    saved = sizes["all"].disk_mb - sizes["none"].disk_mb
    assert saved == pytest.approx(sizes["all"].proxies_mb)
    said = "\n".join(plan_lines(plan_of(planned, Path("nowhere"))))
    assert "of it weights of proxies (proxy.keep)" in said
    none = plan_of(study(proxy={"keep": "none"}), Path("nowhere"))
    assert "weights of proxies" not in "\n".join(plan_lines(none))


def test_copies_of_finals_are_counted():
    plain = space_of(study()).models_mb
    keeping = study(final={"snapshots": [0.5, 2000]})
    assert plain > 0 and space_of(keeping).models_mb == pytest.approx(3 * plain)
    assert keeping.final_trainer == study().final_trainer
    (before,), (after,) = (
        [work for work in works(planned) if work.stage == "finals"]
        for planned in (study(), keeping)
    )
    assert after.jobs == dict(before.jobs) | {"evaluate_snapshots": len(keeping.final_packs)}
    a_copy = keeping.evaluation["final_tokens"] * len(keeping.config["targets"])
    assert after.scored - before.scored == after.runs * 2 * a_copy


def test_copies_that_nobody_has_scored_are_still_to_do(tmp_path):
    keeping = study(final={"snapshots": [0.5]})
    folders = {"finals": keeping.final_packs, "packs": keeping.packs, "measured": keeping.batches}
    folders["report"] = ()
    for folder, names in folders.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.parquet").touch()
    (tmp_path / "report" / "summary.html").touch()
    assert FITS not in finished(keeping, tmp_path)
    (tmp_path / "snapshot_scores").mkdir()
    for pack in keeping.final_packs:
        (tmp_path / "snapshot_scores" / f"{pack}.parquet").touch()
    assert FITS in finished(keeping, tmp_path)


def test_runs_of_an_earlier_version_are_told_once_with_what_training_again_costs(tmp_path):
    planned = study()

    def told() -> list[str]:
        lines = plan_lines(plan_of(planned, tmp_path))
        return [line for line in lines if "of an earlier version" in line]

    assert told() == []
    old = tmp_path / "store" / "ab" / f"ab{30 * '0'}.parquet"
    old.parent.mkdir(parents=True)
    old.touch()
    (line,) = told()
    runs = sum(map(len, planned.runs.values()))
    assert f"{runs} runs to train again (" in line and "mixwright fit" in line
    finish(planned, tmp_path, 1e4)
    assert told() == [], "nothing is to be trained"
    for path in (tmp_path / planned.name / "packs").iterdir():
        path.unlink()
    (tmp_path / "store" / "measured").mkdir()
    assert told() == [], "this version's results are there"


def test_what_is_done_is_not_paid_again(tmp_path):
    planned = study()
    finish(planned, tmp_path, 1e4)
    scored(planned, tmp_path)
    told = plan_of(planned, tmp_path)
    assert [part.stage for part in told.to_go.parts] == ["corpus", "finals", "fits and report"]
    assert len(told.in_all.parts) == 7
    said = "\n".join(plan_lines(told))
    assert "  in all: " in said and "  to go: " in said
    # one of them is gone
    pack, runs = next(iter(planned.packs.items()))
    (tmp_path / planned.name / "packs" / f"{pack}.parquet").unlink()
    left = plan_of(planned, tmp_path).to_go.parts[1]
    assert left.stage == "swarm" and left.work.runs == len(runs)


def test_a_speed_of_this_machine_wins_over_the_table_also_for_another_study(tmp_path):
    planned = study()
    table = plan_of(planned, tmp_path).in_all
    assert not any(part.measured for part in table.parts if part.work.flops)
    finish(planned, tmp_path, 1_000)
    slow = plan_of(planned, tmp_path).in_all
    swarm = slow.parts[1]
    assert swarm.source == "measured in least" and not slow.parts[-2].measured
    # a swarm of runs of 100,352 tokens at 1,000 a second, scoring included, and starts of jobs
    seconds = swarm.hours * 3600 - swarm.work.seconds
    assert seconds == pytest.approx(swarm.work.tokens / 1_000)
    other = study(study="other", proxy={"tokens": 10**6})
    assert plan_of(other, tmp_path).in_all.parts[1].source == "measured in least"
    # not of another shape: small models may be trained at a fraction of a larger one's speed
    wider = study(proxy={"model": "small"})
    assert "tabulated" in plan_of(wider, tmp_path).in_all.parts[1].source
    # not of another device
    assert "tabulated" in plan_of(other, tmp_path, "a100").in_all.parts[1].source


@pytest.mark.parametrize("broken", ["", "[]", "{}", '{"speed": null}'])
def test_a_speed_that_cannot_be_read_is_none(tmp_path, broken):
    planned = study()
    finish(planned, tmp_path, 1_000)
    for path in (tmp_path / planned.name / "progress").iterdir():
        path.write_text(broken)
    assert "tabulated" in plan_of(planned, tmp_path).in_all.parts[1].source


def test_another_machines_speed_says_nothing(tmp_path):
    planned = study()
    finish(planned, tmp_path, 1_000, host="elsewhere")
    assert "tabulated" in plan_of(planned, tmp_path).in_all.parts[1].source


def test_gpus_are_known_by_their_makers_names(tmp_path):
    assert known_as("NVIDIA A100-SXM4-80GB") == DEVICES["a100"]
    assert known_as("NVIDIA L40S") == DEVICES["l40s"] and known_as("NVIDIA L4") == DEVICES["l4"]
    assert known_as("NVIDIA GeForce RTX 4090") == DEVICES["4090"]
    assert known_as("a card of tomorrow") is None
    for number in (0, 1):
        folder = tmp_path / f"0000:0{number}:00.0"
        folder.mkdir()
        (folder / "information").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 3\n")
    assert gpus(tmp_path) == [DEVICES["h100"]] * 2


def test_an_unknown_device_is_one_line_with_the_nearest():
    with pytest.raises(MixwrightError, match=r"--device a1000 is unknown; did you mean a100\?"):
        device_of("a1000")
    assert all(device.source for device in DEVICES.values())
    # the maker's name of a GPU is one; a word for all GPUs is none
    assert device_of("NVIDIA A100-SXM4-80GB") == DEVICES["a100"]
    with pytest.raises(MixwrightError, match="--device cuda is unknown; name the GPU; known: cpu"):
        device_of("cuda")
    with pytest.raises(MixwrightError) as refused:
        device_of("zzz")
    assert str(refused.value).count("known: cpu") == 1


def test_a_number_of_devices_counts_those_that_train():
    proxies_on_gpus = study(proxy={"device": "cuda", "tokens": 10**8})
    assert hardware_of(proxies_on_gpus, number=3, cores=2).numbers == {"cpu": 2, "cuda": 3}
    assert hardware_of(study(), number=3, cores=2).numbers["cpu"] == 3
    no_finals = study(proxy={"device": "cuda"}, finals="none")
    devices = plan_of(no_finals, Path("/none"), number=3).devices
    assert devices == "3 A100s"


def test_days_are_told_without_false_digits():
    assert short_time(808.6) == "809 h" and short_time(3.26) == "3.3 h"
    told = "\n".join(plan_lines(plan_of(study(proxy={"tokens": 10**11}), Path("/none"), "cpu", 1)))
    assert not re.search(r"[0-9]{3}[.][0-9] h", told)


def test_prices_make_money_of_hours(tmp_path):
    prices = read_prices("a100=1.5, h100=3,currency=EUR")
    assert prices.cost({"a100": 10, "cpu": 4}) == 15 and prices.unpriced({"cpu": 4}) == ["cpu"]
    assert prices.words(1_234.5) == "1,234 EUR" and prices.words(0.128) == "0.13 EUR"
    file = tmp_path / "prices.yaml"
    file.write_text("a100: 1.5\nh100: 3\ncurrency: EUR\n")
    assert read_prices(str(file)) == prices
    # a core is a core
    assert not read_prices("cpu=1").unpriced({"cpu-bf16": 4})


@pytest.mark.parametrize(
    "written, answer",
    [
        ("a100=cheap", "--prices a100: cheap is no number"),
        ("a100=-1", "--prices a100: -1 is below 0"),
        ("a100=nan", "--prices a100: nan is no number"),
        ("a1000=2", "--prices a1000 is unknown; did you mean a100"),
        ("none.yaml", "--prices none.yaml: no YAML file of prices"),
        ("a100=1,8", "--prices a100=1,8: '8' is no NAME=PRICE"),
        ("a100=1,a100=2", "--prices a100=1,a100=2: a100 stands there twice"),
    ],
)
def test_prices_that_are_none_are_one_line(written, answer):
    with pytest.raises(MixwrightError) as caught:
        read_prices(written)
    assert str(caught.value).startswith(answer) and "\n" not in str(caught.value)


def test_the_command_writes_everything_for_machines(tmp_path, capsys):
    to = tmp_path / "plan.json"
    plan(device="a100", devices=4, prices="a100=2,cpu=0.05", json=to, sources=True)
    said = capsys.readouterr().out
    assert "NVIDIA's data sheet: 312 TFLOP/s" in said
    # no range stands beside what nobody timed
    assert "never timed on a GPU" in said and " or far more on 4 A100s; " in said
    assert "costs about" not in said and "factor of 2" not in said
    for fact in facts.FACTS:
        assert fact.source in said
    written = json.loads(to.read_text())
    assert written["devices"] == {"proxy": "a100", "final": "a100"}
    assert written["numbers"]["cuda"] == 4
    in_all = written["in_all"]
    assert in_all["runs"] == 73 + 18
    in_parts = sum(part["device_hours"] for part in in_all["parts"])
    assert sum(in_all["device_hours"].values()) == pytest.approx(in_parts)
    costs = {"a100": 2, "cpu": 0.05}
    money = sum(costs[device] * number for device, number in in_all["device_hours"].items())
    assert in_all["cost"] == pytest.approx(money)


def test_settings_of_the_command_line_are_over_files_as_in_snakemake(tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(LEAST))
    plan(configfile=[file], config=["designs={swarm: {runs: 50}}", "finals=none"])
    said = capsys.readouterr().out
    assert said.startswith("plan of least: ") and "no final models" in said
    assert any(line.split()[:2] == ["swarm", "50"] for line in said.splitlines())
    with pytest.raises(MixwrightError, match=r"--configfile .*nowhere.yaml: no such file"):
        plan(configfile=[tmp_path / "nowhere.yaml"])
    with pytest.raises(MixwrightError, match="--devices 0"):
        plan(configfile=[file], devices=0)


@pytest.mark.parametrize(
    "words, shown",
    [
        ("-n", True),
        ("--cores 2 --configfile mine.yaml", True),
        ("--cores 2 --report-after-run", True),
        ("--rulegraph dot", False),
        ("--dag=mermaid-js", False),
        ("--report results/demo/report.html", False),
        ("-S", False),
        ("--unlock --cores 1", False),
    ],
)
def test_the_plan_is_shown_before_runs_alone(words, shown):
    assert is_run(words.split()) == shown
    assert not is_run(words.split(), ["all"]) and not is_run(words.split(), ["progress", "rules"])
    assert is_run(words.split(), ["rules"]) == shown


def test_a_dry_run_without_cores_is_of_this_machine():
    assert not names_cores(["-n"]) and not names_cores(["--dry-run", "--configfile", "x"])
    assert names_cores(["-n", "-c4"]) and names_cores(["-n", "--cores=4"])
    assert names_cores(["--profile", "workstation"])


def test_the_modes_that_are_silent_are_snakemakes_own():
    from snakemake.cli import get_argument_parser

    from mixwright.jobs.plan.head import CORES, DRY, OTHER_MODES, SHORT_MODES

    known = set()
    for action in get_argument_parser()._actions:
        known.update(action.option_strings)
    assert known.issuperset([*OTHER_MODES, *SHORT_MODES, *DRY, *CORES])


def test_the_demo_is_planned_to_take_what_is_recorded():
    """On the machine of benchmarks/RESULTS.md, "The rebuilt library": 5 min 44 s, 10.2 CPU-min."""
    demo = Study(resolve(yaml.safe_load((HOUSE / "config/config.yaml").read_text()), CONFIG))
    told = estimate(demo, hardware_of(demo, "cpu", 2, cores=2))
    assert 10.2 / 2 < told.device_hours["cpu"] * 60 < 10.2 * 2
