"""Training jobs ask for what a scheduler can grant, and go on from job to job."""

import pytest

from least_study import study
from mixwright.jobs import resources
from mixwright.jobs.plan.devices import DEVICES, ON_GPU
from mixwright.jobs.requests import (
    LONG_MINUTES,
    Request,
    final_request,
    proxy_request,
    request_lines,
    warning_seconds,
)
from mixwright.proxies.footprint import parameters
from mixwright.study.study import Study

BILLION = {"architecture": "llama", "layers": 22, "width": 2048, "heads": 32, "hidden": 5632}
BILLION |= {"context": 2048, "vocabulary": 50432}
DAY = 24 * 60


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    """Whatever this machine has."""
    monkeypatch.setattr(resources, "gpus", list)
    resources.device_of_requests.cache_clear()
    yield
    resources.device_of_requests.cache_clear()


def billion(tokens: float = 25e9, **final) -> Study:
    """A final of 1.3 B parameters on 8 GPUs, in a pack of its own."""
    settings = {"device": "cuda", "processes": 8, "precision": "bfloat16", "per_job": 1}
    planned = study(goal={"tokens": int(tokens)}, final=settings | final)
    config = planned.config
    return Study(config | {"final": config["final"] | {"shape": BILLION}})


def test_a_try_without_a_limit_asks_for_more_of_both_each_time():
    request = Request(90, 1000)
    assert request.tries == 1
    assert [request.runtime(attempt) for attempt in (1, 2, 3)] == [90, 180, 270]
    assert [request.mem_mb(attempt) for attempt in (1, 2, 3)] == [1000, 2000, 3000]


def test_a_limit_that_is_not_reached_only_ends_the_growth():
    request = Request(90, 1000, most=120)
    assert request.tries == 1
    assert [request.runtime(attempt) for attempt in (1, 2, 3)] == [90, 120, 120]
    assert request.mem_mb(2) == 2000


def test_tries_that_only_go_on_ask_for_no_more_memory():
    request = Request(1000, 500, most=300, warned=120)
    assert request.tries == 4  # 990 minutes of work, 288 a try
    assert {request.runtime(attempt) for attempt in range(1, 9)} == {300}
    assert [request.mem_mb(attempt) for attempt in range(1, 10)] == [500] * 4 + [1000] * 4 + [1500]


@pytest.mark.parametrize("most", [15, 20, 60, 600])
def test_its_tries_have_the_time_that_the_work_needs(most):
    request = Request(5000, 1, most=most)
    work = request.minutes - resources.START_MINUTES
    useful = max(most - resources.START_MINUTES - request.warned / 60, most / 2)
    assert (request.tries - 1) * useful < work <= request.tries * useful


def test_a_billion_parameters_on_eight_gpus_ask_for_what_a_node_has():
    for parallel in ("ddp", "fsdp"):
        request = final_request(billion(parallel=parallel), 1)
        weights_mb = 4 * parameters(BILLION, 50432) / 2**20
        # each process makes the model; the leader gathers weights and moments
        assert 11 * weights_mb < request.mb < 128_000
        assert 2 * DAY < request.minutes < 7 * DAY


def test_slices_ask_for_less_than_whole_models_on_cpus_too():
    on_cpus = {"device": "cpu", "processes": 8, "precision": "float32"}
    whole, sliced = (final_request(billion(parallel=way, **on_cpus), 1) for way in ("ddp", "fsdp"))
    assert sliced.mb < 0.5 * whole.mb


def test_a_pack_of_proxies_asks_for_its_own_members():
    settings = {"device": "cuda", "model": "proxy-60m", "tokens": 10**9, "precision": "bfloat16"}
    planned = study(tokenizer={"vocabulary": 50432}, proxy=settings | {"per_job": 16})
    packs = [runs for runs in planned.packs.values() if runs[0].role == "swarm"]
    whole = proxy_request(planned, packs[0])
    one = proxy_request(planned, packs[0][:1])
    assert len(packs[0]) == 16
    assert one.mb < whole.mb < 48_000
    assert whole.minutes < 4 * DAY


SIXTY = {"device": "cuda", "model": "proxy-60m", "tokens": 10**9, "precision": "bfloat16"}


def proxies(runs, tokenizer=50_432, **settings):
    """A study of so many swarm runs on GPUs."""
    return study(
        tokenizer={"vocabulary": tokenizer},
        proxy={"device": "cuda"} | settings,
        designs={"swarm": {"runs": runs}},
    )


def largest(planned):
    return max(map(len, planned.packs.values()))


@pytest.mark.parametrize(("runs", "size"), [(20, 16), (255, 16), (256, 32), (512, 64), (4096, 64)])
def test_packs_of_a_gpu_grow_while_the_swarm_still_makes_eight_jobs(runs, size):
    planned = proxies(runs)
    assert largest(planned) == size
    assert runs < 256 or sum(len(pack) == size for pack in planned.packs.values()) >= 8


def test_packs_of_a_cpu_are_as_they_were_and_what_is_written_is_obeyed():
    assert largest(proxies(512, device="cpu")) == 16
    assert largest(proxies(512, per_job=5)) == 5
    before = study(proxy={"per_job": 16})
    assert list(study().packs) == list(before.packs)


def test_long_trainings_of_a_gpu_make_smaller_packs_that_end_within_a_day():
    planned = proxies(512, **SIXTY)
    assert 1 <= largest(planned) < 8
    for pack, runs in planned.packs.items():
        request = proxy_request(planned.of_pack(pack), runs)
        assert request.minutes < LONG_MINUTES and request.tries == 1
        assert request.mb < 20_000
    # shorter ones share a job
    assert largest(proxies(512, **SIXTY | {"tokens": 10**8})) > largest(planned)


@pytest.mark.parametrize("model", ["micro", "tiny", "small"])
def test_no_size_of_packs_asks_for_more_than_a_few_days(model):
    planned = proxies(512, model=model, tokens=10**9)
    longest = max(planned.packs.values(), key=lambda runs: sum(run.tokens for run in runs))
    request = proxy_request(planned, longest)
    assert request.runtime(1) <= LONG_MINUTES and request.tries < 5


def test_a_job_is_sized_by_its_own_runs():
    planned = proxies(512, **SIXTY | {"per_job": 64})
    runs = next(runs for runs in planned.packs.values() if len(runs) == 64)
    whole = proxy_request(planned, runs)
    few = proxy_request(planned, runs[:4])
    weights_mb = 4 * parameters(planned.proxy["shape"], 50_432) / 2**20
    fixed = resources.BASE_MB["proxy"] + resources.CUDA_MB + resources.STAGING_MB
    assert few.mb == pytest.approx(fixed + 4 * 4 * weights_mb, abs=1)
    # not of 64: no GPU holds so many of them side by side
    assert few.mb < whole.mb < fixed + 64 * 4 * weights_mb
    assert few.warned < whole.warned


def test_a_batch_that_is_scored_asks_for_its_own_runs():
    planned = proxies(512, **SIXTY)
    for batch, packs in planned.batches.items():
        runs = sum(len(planned.packs[pack]) for pack in packs)
        expected = resources.memory_mb(planned.of_pack(packs[0]), "proxy", runs=runs)
        assert resources.batch_mb(planned, batch) == expected


def test_time_is_asked_for_by_the_table_that_the_plan_quotes():
    planned = proxies(512, **SIXTY)
    runs = next(iter(planned.packs.values()))
    shape = planned.proxy["shape"]
    speed = DEVICES["a100"].flops_per_second(shape, "bfloat16", False)
    trained = 6 * parameters(shape, 50_432) * sum(run.tokens for run in runs)
    minutes = proxy_request(planned, runs).minutes - resources.START_MINUTES
    assert minutes == pytest.approx(2 * trained / speed / 60, rel=0.05)
    assert "our own trainers were not measured on a GPU" in ON_GPU


def test_a_calibration_asks_for_one_member_of_a_gpu_and_for_a_wave_of_a_cpu():
    assert resources.calibration_mb(proxies(512, **SIXTY)) < 8_000
    on_cpu = study(proxy={"per_job": 1})
    members = resources.members_of(on_cpu, "proxy")
    assert members == 4
    assert resources.calibration_mb(on_cpu) == resources.memory_mb(on_cpu, "proxy", runs=members)


def test_the_head_of_a_run_says_how_many_share_a_job():
    (line,) = request_lines(proxies(512))
    assert line == f"  train_proxies: up to 64 runs a job (proxy.per_job: auto), {count(512)} jobs"
    assert not list(request_lines(proxies(512, per_job=64)))


def count(runs):
    return len(proxies(runs).packs)


def test_the_gpu_of_this_machine_is_the_one_that_time_is_asked_for(monkeypatch):
    usual = final_request(billion(), 1).minutes
    resources.device_of_requests.cache_clear()
    monkeypatch.setattr(resources, "gpus", lambda: [DEVICES["h100"]])
    assert final_request(billion(), 1).minutes < 0.6 * usual


def test_narrow_models_on_a_gpu_ask_for_time_by_what_nobody_knows():
    narrow = study(proxy={"device": "cuda", "tokens": 10**9})
    (runs, *_) = narrow.packs.values()
    flops = 6 * parameters(narrow.proxy["shape"], 8192) * sum(run.tokens for run in runs)
    minutes = proxy_request(narrow, runs).minutes - resources.START_MINUTES
    # a wide model reaches fifteen times as much
    assert flops / (60 * minutes) < 312e12 / 30


def test_large_checkpoints_are_warned_of_earlier():
    assert warning_seconds(study(), "proxy") == warning_seconds(study(), "final") == 120
    assert 180 < warning_seconds(billion(), "final") < 240


def test_a_gpu_s_training_asks_for_a_day_at_most_and_a_core_s_for_all_it_needs():
    assert final_request(billion(), 1).most == LONG_MINUTES
    assert final_request(billion(max_minutes=600), 1).most == 600
    assert final_request(billion(max_minutes=None), 1).most is None
    assert final_request(billion(device="cpu", precision="float32"), 1).most is None
    (line,) = request_lines(billion())
    assert line.startswith("  train_finals: up to ") and "in jobs of 24 h" in line


def test_what_asks_for_more_than_a_day_is_named_with_the_key():
    (line,) = request_lines(billion(max_minutes=None))
    assert line.startswith("  train_finals asks a scheduler for up to ")
    assert f"final: {{max_minutes: {LONG_MINUTES}}}" in line
    assert not list(request_lines(study()))


def test_how_many_tries_it_takes_is_told_with_the_flag():
    planned = billion(max_minutes=DAY)
    tries = final_request(planned, 1).tries
    assert tries > 2
    (line,) = request_lines(planned)
    assert f"in jobs of 24 h: about {tries} tries" in line and f"--retries {tries + 1} " in line
