"""What doctor says of invented machines and clusters.

Programs are functions, files are the test's own.
"""

import errno
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from mixwright.jobs.doctor import examine, machine, profiles, software
from mixwright.jobs.doctor.finding import Finding, output_of
from mixwright.jobs.doctor.gpus import QUERY, gpus
from mixwright.jobs.doctor.slurm import minutes_of, partitions, slurm
from mixwright.jobs.doctor.software import needed, packages

HOUSE = Path(__file__).parents[3]
PARTITIONS = """debug|up|30:00|2|16|64000|(null)
long*|up|7-00:00:00|20|64|512000|(null)
h100|up|2-00:00:00|4|96|1000000|gpu:h100:8(S:0-1),shard:64
h100|up|2-00:00:00|1|96|1000000|gpu:h100:4(S:0-1)
old|down|2-00:00:00|4|32|128000|gpu:4090:2
"""
CLUSTER = {
    ("sinfo", "--version"): "slurm 24.05.3\n",
    ("sinfo", "--noheader"): PARTITIONS,
    ("sacct", "--noheader"): "12\n",
    ("sacctmgr", "--noheader"): "physics|me\nchemistry|me\n",
    ("scontrol", "show"): "MinJobAge               = 30 sec\n",
}
H100 = "NVIDIA H100 80GB HBM3, 81559, 9.0\n"


def answering(answers):
    """Asks no program: looks up the answer to the first two words of a command."""
    return lambda *words: answers.get(words[:2])


def by_name(findings) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


def torch_file(folder: Path, cuda: str) -> Path:
    path = folder / "version.py"
    path.write_text(
        f"__version__ = '2.13.0+cu130'\ncuda: Optional[str] = {cuda}\nhip: Optional[str] = None\n"
    )
    return path


def test_partitions_that_are_up_with_the_gpus_of_a_node():
    sizes = {
        partition.name: (partition.nodes, partition.gpus) for partition in partitions(PARTITIONS)
    }
    assert sizes == {"long": (20, 0), "debug": (2, 0), "h100": (5, 8)}
    (model,) = partitions("a|up|1:00|1|8|8000|gpu:4090:2")  # a model that is a number
    assert model.gpus == 2


def test_a_cluster_with_accounting_gets_partitions_and_an_account(tmp_path):
    findings = by_name(slurm(answering(CLUSTER), tmp_path))
    assert findings["Slurm"].says == "slurm 24.05.3" and findings["Slurm accounting"].state == "ok"
    settings = profiles(findings.values())["slurm"]
    assert settings["default-resources"] == {
        "slurm_partition": "long",
        "slurm_account": "'chemistry'",
    }
    assert settings["set-resources"]["train_proxies"] == {
        "slurm_partition": "'h100' if '$MIXWRIGHT_PROXY_DEVICE' == 'cuda' else 'long'"
    }
    assert "slurm-status-command" not in settings
    assert "link-profiles" in findings["profile"].says
    (tmp_path / "slurm").mkdir()
    assert by_name(slurm(answering(CLUSTER), tmp_path))["profile"].state == "ok"


@pytest.mark.parametrize(
    "answer",
    [
        "Slurm accounting storage is disabled\n",
        "sacct: error: Problem talking to the database\n",
        None,
    ],
)
def test_without_accounting_squeue_is_asked_and_a_short_memory_told(answer, tmp_path):
    findings = by_name(slurm(answering(CLUSTER | {("sacct", "--noheader"): answer}), tmp_path))
    (settings,) = profiles(findings.values()).values()
    assert (
        settings["slurm-status-command"] == "squeue"
        and settings["slurm-init-seconds-before-status-checks"] == 10
    )
    assert settings["default-resources"]["slurm_partition"] == "long"
    assert (
        "forgotten 30 s after its end" in findings["Slurm accounting"].says
        and "--profile slurm-nodb finds none" in findings["profile"].says
    )


def test_the_longest_job_of_the_partition_that_trains_is_told_with_the_key(tmp_path):
    limits = ("30:00", "2:00:00", "1-00:00:00", "7-12:30:00", "infinite", "UNLIMITED")
    assert [minutes_of(limit) for limit in limits] == [30, 120, 1440, 10_830, None, None]
    findings = by_name(slurm(answering(CLUSTER), tmp_path))
    assert "proxy and final: {max_minutes: 2880}" in findings["Slurm partitions"].says
    endless = {("sinfo", "--noheader"): "all*|up|infinite|3|8|16000|gpu:2\n"}
    findings = by_name(slurm(answering(CLUSTER | endless), tmp_path))
    assert "max_minutes" not in findings["Slurm partitions"].says


def test_a_cluster_without_gpus_trains_on_the_cpu_partition(tmp_path):
    findings = by_name(
        slurm(
            answering(CLUSTER | {("sinfo", "--noheader"): "all*|up|infinite|3|8|16000|(null)\n"}),
            tmp_path,
        )
    )
    assert (
        findings["Slurm partitions"].state == "note"
        and "device: cpu" in findings["Slurm partitions"].says
    )
    assert profiles(findings.values())["slurm"]["set-resources"]["train_finals"] == {
        "slurm_partition": "all"
    }


def test_no_slurm_and_one_that_does_not_answer(tmp_path):
    (none,) = slurm(answering({}), tmp_path)
    assert "none on this machine" in none.says
    (silent,) = slurm(
        answering(
            {
                ("sinfo", "--version"): "sinfo: error: x\n",
                ("sinfo", "--noheader"): "sinfo: fatal: no\n",
            }
        ),
        tmp_path,
    )
    assert silent.says == "its programs are here, but no partition is up: sinfo: fatal: no"


def test_gpus_that_torch_can_use(tmp_path):
    run = answering(
        {
            ("nvidia-smi", "--query-gpu=name,memory.total,compute_cap"): H100 * 4,
            (sys.executable, "-c"): "True 4\n",
        }
    )
    findings = by_name(gpus(run, tmp_path / "none", torch_file(tmp_path, "'13.0'")))
    assert findings["GPUs"].says.startswith("4 x NVIDIA H100 80GB HBM3 (80 GiB)")
    assert findings["torch"].says == "2.13.0+cu130, built for CUDA 13.0, sees 4 GPUs"
    assert findings["bfloat16"].says.startswith("fast on GPUs")
    assert profiles(findings.values()) == {"workstation": {"resources": {"gpu": 4}}}


@pytest.mark.parametrize(
    ("cuda", "fault"),
    [("None", "built without CUDA: the GPUs cannot be used"), ("'13.0'", "finds no GPU")],
)
def test_gpus_that_torch_cannot_use(cuda, fault, tmp_path):
    run = answering(
        {
            ("nvidia-smi", "--query-gpu=name,memory.total,compute_cap"): "Tesla T4, 15360, 7.5\n",
            (sys.executable, "-c"): "False 0\n",
        }
    )
    findings = by_name(gpus(run, tmp_path / "none", torch_file(tmp_path, cuda)))
    assert findings["torch"].state == "note" and fault in findings["torch"].says
    assert findings["bfloat16"].state == "note"  # a T4 has none


@pytest.mark.parametrize(
    ("build", "answer", "words"),
    [
        (
            "hip: Optional[str] = '6.4.1'",
            "True 8\n",
            "built for ROCm 6.4.1 (untested), sees 8 GPUs",
        ),
        ("hip: Optional[str] = '6.4.1'", "False 0\n", "is the driver older than its ROCm?"),
        ("cuda: Optional[str] = '13.0'", "False 0\n", "install the build for your ROCm"),
    ],
)
def test_gpus_of_amd_are_named_as_untested(build, answer, words, tmp_path):
    version_file = tmp_path / "version.py"
    version_file.write_text(f"__version__ = '2.13.0'\n{build}\n")
    (tmp_path / "kfd").touch()
    run = answering({(sys.executable, "-c"): answer})
    findings = by_name(gpus(run, tmp_path / "none", version_file, tmp_path / "kfd"))
    assert "untested" in findings["GPUs"].says and not findings["GPUs"].settings
    assert findings["torch"].state == "note" and words in findings["torch"].says
    # NVIDIA's, where there are both
    both = answering({QUERY[:2]: H100, (sys.executable, "-c"): answer})
    findings = by_name(gpus(both, tmp_path / "none", version_file, tmp_path / "kfd"))
    assert "H100" in findings["GPUs"].says


def test_a_cpu_with_bfloat16(tmp_path):
    (tmp_path / "cpuinfo").write_text("model name : x\nflags : fpu avx2 avx512_bf16\n")
    assert by_name(gpus(answering({}), tmp_path / "cpuinfo", torch_file(tmp_path, "None")))[
        "bfloat16"
    ].says.startswith("fast on CPU")


def test_memory_is_the_container_s(tmp_path):
    (tmp_path / "meminfo").write_text(
        "MemTotal: 100000000 kB\nMemAvailable: 90000000 kB\nHugePages_Total: 0\n"
    )
    (tmp_path / "max").write_text("3000000000\n")
    assert machine.memory(tmp_path / "meminfo", ()).says.startswith("95 GiB, 86 free")
    small = machine.memory(tmp_path / "meminfo", (tmp_path / "max", tmp_path / "none"))
    assert small.state == "fails" and small.needed and "needs 4 GiB" in small.says
    (tmp_path / "max").write_text("max\n")
    assert machine.memory(tmp_path / "meminfo", (tmp_path / "max",)).state == "ok"


def refuses(*_):
    raise OSError(errno.ENOLCK, "no locks available")


@pytest.mark.parametrize("flock", [lambda *_: None, refuses])
def test_locks_that_keep_nobody_out_cost_double_work_and_no_study(flock, tmp_path, monkeypatch):
    assert machine.locks(tmp_path / "results").state == "ok"
    monkeypatch.setattr(machine.fcntl, "flock", flock)
    finding = machine.locks(tmp_path / "results")
    assert finding.state == "note" and "same work twice" in finding.says
    assert not list(tmp_path.iterdir())


def house(folder: Path, pins: str) -> Path:
    (folder / "pyproject.toml").write_text(
        '[project]\ndependencies = ["numpy"]\noptional-dependencies = {demo = ["rich>=1"]}\n'
    )
    (folder / "constraints.txt").write_text(pins)
    return folder


def test_packages_that_lack_or_differ_are_named(tmp_path, monkeypatch):
    exact = f"numpy=={version('numpy')}\nrich=={version('rich')}\n"
    assert packages(house(tmp_path, exact)).says == "2 at the versions of constraints.txt"
    other = packages(house(tmp_path, f"numpy==0.1\nrich=={version('rich')}\n"))
    assert other.state == "note" and other.says.startswith(f"numpy {version('numpy')} for 0.1, ")
    monkeypatch.setattr(software, "_version", lambda name: None if name == "rich" else "1")
    assert packages(house(tmp_path, exact)).says == "missing: rich; run `make install`"


def test_the_default_study_needs_what_pyproject_says():
    project = software.tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
    assert {"torch", "transformers", "snakemake", "numpy", "matplotlib", "scikit-learn"} <= set(
        needed(project)
    )
    assert not {"mixwright", "rdkit", "pytest"} & set(needed(project))


def test_the_command_fails_where_the_default_study_cannot_run(capsys, monkeypatch, tmp_path):
    lines = {"a": {"b": 1}}
    findings = [
        Finding("torch", "fails", "not installed", needed=True),
        Finding("Slurm", "note", "some", profile="slurm", settings=lines),
    ]
    monkeypatch.setattr("mixwright.jobs.doctor.examine", lambda results: iter(findings))
    from mixwright.__main__ import main

    assert main(["doctor", "--results", str(tmp_path)]) == 1
    out, error = capsys.readouterr()
    assert error == "mixwright: the default study cannot run here: torch; see above\n"
    assert yaml.safe_load(out.split("config.yaml here:")[1]) == lines
    findings.pop(0)
    assert main(["doctor"]) == 0


def test_without_torch_it_works_and_says_so(tmp_path):
    program = """
import sys
sys.modules["torch"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "torch" else find(name)
from mixwright.jobs.doctor import examine
from pathlib import Path
found = {finding.what: finding for finding in examine(Path("."), lambda *words: None)}
assert found["torch"].state == "fails" and found["torch"].needed, found["torch"]
assert found["Slurm"].state == "note" and found["GPUs"].state == "note"
heavy = {"transformers", "datasets", "pandas", "scipy", "snakemake", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(HOUSE / "workflow")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_programs_that_are_not_there_answer_nothing():
    assert output_of("no-such-program-at-all", "--version") is None
    assert (
        output_of(sys.executable, "-c", "import sys; print(1); print(2, file=sys.stderr)")
        == "1\n2\n"
    )


def test_everything_is_looked_at_once(tmp_path):
    names = [finding.what for finding in examine(tmp_path, answering({}))]
    assert len(names) == len(set(names)) and {
        "Python",
        "packages",
        "disk",
        "file locks",
        "torch",
        "Slurm",
    } <= set(names)
