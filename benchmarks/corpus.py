"""The corpus rules on corpora of any size: speed side by side, peak memory, kills.

python benchmarks/corpus.py [--megabytes 100] [--text FILES] [--before COMMIT] [--rounds 3]
python benchmarks/corpus.py --workflow 500 3000 [--kills 2] [--part 200]

Without --workflow, on one core: tokens per CPU-second of our tokenizing stage, of the bare
encode_batch_fast and of datasets.map on the same documents; and MB per CPU-second of cleaning with
its three steps, of this tree and of an earlier commit. Each measurement is a process of its own,
in turn; a ratio is the median of the rounds' ratios.

With --workflow the whole corpus of each size (MB) goes through the real workflow into shards. The
greatest peak of resident memory of any process is shown, the jobs that ran, and with --kills the
same corpus is made again while the workflow is killed so many times (kill -9): are the shards the
same bytes, and how many jobs ran twice?
"""

import argparse
import hashlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import corpora
import yaml

HOUSE = Path(__file__).parents[1]
CLEAN = ["exact-duplicates", "repeated-lines", "decontaminate"]
# What is measured runs in a process of its own: {documents}, {tokenizer} and {to} are paths.
OURS = """
from mixwright.corpus.tokenize import tokenize_part
start()
manifest = tokenize_part("d", documents, tokenizer, to)
done(sum(split["tokens"] for split in manifest["splits"].values()))
"""
BARE = """
from mixwright.corpus.documents import iter_documents
from mixwright.corpus.tokenizer import open_tokenizer
encoder, _ = open_tokenizer(tokenizer)
texts = [document.text for document in iter_documents(documents)]
start()
tokens = 0
for at in range(0, len(texts), 256):
    for encoding in encoder.encode_batch_fast(texts[at : at + 256], add_special_tokens=False):
        tokens += len(encoding)
done(tokens)
"""
# As people use it: the tokenizer of transformers, and Arrow files of ids.
MAPPED = """
from datasets import Dataset, disable_progress_bars
from mixwright.corpus.documents import iter_documents
from transformers import AutoTokenizer
disable_progress_bars()
fast = AutoTokenizer.from_pretrained(tokenizer)
data = Dataset.from_dict({"text": [document.text for document in iter_documents(documents)]})
def encode(batch):
    return {"input_ids": fast(batch["text"])["input_ids"]}
start()
mapped = data.map(encode, batched=True, remove_columns=["text"], cache_file_name=to + ".arrow")
done(mapped.num_rows)
"""
CLEANING = """
import json, sys
from mixwright.corpus.ngrams import ngram_set
rows = [{"text": text} for text in json.load(open(documents))]
questions = json.load(open(tokenizer))
size = sum(len(row["text"].encode()) for row in rows)
"""
CLEAN_NOW = (
    CLEANING
    + """
from mixwright.corpus.documents import write_part, write_documents
from mixwright.corpus.cleaning import Document
from mixwright.corpus.text_settings import TextSettings
from mixwright.sources.base import Source
class Rows(Source):
    def documents(self, reading=None):
        for row in rows:
            if reading is not None:
                reading.tally.text_bytes += len(row["text"])
            yield row
    @classmethod
    def example(cls, folder):
        return {}
targets = to + ".questions.parquet"
write_documents([Document("target", text) for text in questions], targets)
source = Rows("d", {"source": "rows"}, None)
settings = TextSettings(clean=("exact-duplicates", "repeated-lines", "decontaminate"))
start()
write_part(source, settings, [targets], to)
done(size)
"""
)
CLEAN_BEFORE = (
    CLEANING
    + """
from mixwright.corpus.cleaning import clean_domain
from mixwright.corpus.documents import write_documents
settings = {
    "max_bytes": 10**12, "max_document_bytes": 10**9, "validation_share": 0.1, "ngram": 13,
    "min_line": 40,
}
start()
known = ngram_set(questions, 13)
documents, report = clean_domain("d", rows, known, settings)
write_documents(documents, to, report)
done(size)
"""
)
FRAME = """
import os, sys, time
documents, tokenizer, to = sys.argv[1:]
def start():
    global began
    began = time.process_time()
def done(amount):
    print(amount, time.process_time() - began)
"""


def main() -> None:
    options = parsed()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.workflow:
            for size in options.workflow:
                show_workflow(Path(folder) / f"{size}", size, options)
        else:
            show_speed(Path(folder), options)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--text", nargs="+", metavar="PARQUET", help="files to take text from")
    parser.add_argument("--before", help="a commit to clean with, side by side")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workflow", type=int, nargs="+", metavar="MB")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--part", type=int, default=200, metavar="MB")
    parser.add_argument("--folder", help="where temporary files go")
    return parser.parse_args()


# Speed


def show_speed(folder: Path, options: argparse.Namespace) -> None:
    from mixwright.corpus.cleaning import Document
    from mixwright.corpus.documents import write_documents
    from mixwright.corpus.tokenizer import train_tokenizer

    texts, questions_of = split(documents(options))
    path = folder / "documents.parquet"
    write_documents([Document("train", text) for text in texts], path)
    settings = {"vocabulary": 8192, "folder": None, "sample_bytes": 8_000_000}
    train_tokenizer([path], settings, folder / "tokenizer")
    rates: dict[str, list[float]] = {"ours": [], "bare": [], "datasets.map": []}
    tokens = 0.0
    for _ in range(options.rounds):
        for name, program in zip(rates, (OURS, BARE, MAPPED), strict=True):
            to = folder / f"{len(rates['datasets.map'])}-{name}"
            amount, seconds = measured(program, path, folder / "tokenizer", to)
            tokens = amount if name == "bare" else tokens
            rates[name].append(seconds)
    characters = sum(map(len, texts)) / 1e6
    print(f"tokenizing {characters:.0f} million characters, one core: CPU-seconds, and its ratio")
    for name, seconds in rates.items():
        print(f"  {name:<14} {statistics.median(seconds):8.2f} s  {ratio(seconds, rates['ours'])}")
    print(f"  {tokens / statistics.median(rates['bare']):,.0f} tokens per CPU-second, bare")

    rows, questions = folder / "rows.json", folder / "questions.json"
    rows.write_text(json.dumps(texts))
    questions.write_text(json.dumps(questions_of))
    trees = {"this tree": (CLEAN_NOW, HOUSE / "workflow")}
    if options.before:
        trees["before"] = (CLEAN_BEFORE, earlier(options.before, folder))
    times: dict[str, list[float]] = {name: [] for name in trees}
    size = 0.0
    for number in range(options.rounds):
        for name, (program, library) in trees.items():
            to = folder / f"clean-{number}-{name.split()[0]}.parquet"
            size, seconds = measured(program, rows, questions, to, library)
            times[name].append(seconds)
    print("cleaning, three steps, one core: MB per CPU-second, and how many times as fast")
    for name, seconds in times.items():
        rate = size / 1e6 / statistics.median(seconds)
        print(f"  {name:<14} {rate:8.1f} MB/s  {ratio(seconds, times['this tree'])}")


def documents(options: argparse.Namespace) -> list[str]:
    """The texts to work on: of the files that are named, or made for the purpose."""
    size = options.megabytes * 10**6
    if not options.text:
        return corpora.mixed(size)
    import numpy as np
    import pyarrow.parquet as pq

    texts: list[str] = []
    for path in options.text:
        texts += filter(None, pq.read_table(path, columns=["text"]).column(0).to_pylist())
    order = np.random.default_rng(0).permutation(len(texts))
    last = int(np.searchsorted(np.cumsum([len(texts[place]) for place in order]), size))
    return [texts[place] for place in order[:last]]


def split(texts: list[str]) -> tuple[list[str], list[str]]:
    """Documents, and questions that share no n-gram with them, and that one of fifty leaks."""
    last = len(texts) - len(texts) // 20
    questions = [" ".join(reversed(text[:400].split())) for text in texts[last:]]
    return texts[:last], questions + [text[:400] for text in texts[:last:50]]


def ratio(seconds: list[float], ours: list[float]) -> str:
    """How many times as fast this tree is: the median of the rounds' ratios."""
    ratios = [other / mine for other, mine in zip(seconds, ours, strict=True)]
    return f"{statistics.median(ratios):.2f}"


def measured(program: str, *paths: Path, library: Path | None = None) -> tuple[float, float]:
    """The amount and the CPU-seconds that a program prints, run with one thread."""
    *files, last = paths
    if last.name == "workflow":
        library, files = last, list(files)
    else:
        files.append(last)
    environment = os.environ | {
        "PYTHONPATH": str(library or HOUSE / "workflow"),
        "RAYON_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", FRAME + program, *map(str, files)],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stderr)
    amount, seconds = done.stdout.split()[-2:]
    return float(amount), float(seconds)


def earlier(commit: str, folder: Path) -> Path:
    """The library of an earlier commit."""
    archive = subprocess.run(
        ["git", "archive", commit, "workflow"], cwd=HOUSE, capture_output=True, check=True
    )
    (folder / "before").mkdir()
    subprocess.run(["tar", "-x", "-C", folder / "before"], input=archive.stdout, check=True)
    return folder / "before" / "workflow"


# The workflow


def show_workflow(folder: Path, size: int, options: argparse.Namespace) -> None:
    patterns = corpora.write(folder / "text", size * 10**6)
    study = folder / "study.yaml"
    study.write_text(yaml.safe_dump(study_of(patterns, folder, options.part * 10**6)))
    began = time.monotonic()
    run = Run(folder / "whole", study)
    peaks, jobs = run.until_done()
    minutes = (time.monotonic() - began) / 60
    print(f"{size} MB into shards: {minutes:.1f} minutes, {len(jobs)} jobs of corpus rules")
    for rule, peak in sorted(peaks.items()):
        print(f"  peak of {rule:<16} {peak / 2**20:7.0f} MiB")
    if options.kills:
        killed = Run(folder / "killed", study)
        seconds = minutes * 60 / (options.kills + 1)
        for _ in range(options.kills):
            killed.for_a_while(seconds)
        killed.until_done()
        others, hashes = killed.hashes(), run.hashes()
        same = others == hashes
        for name in sorted(others.keys() | hashes.keys()):
            if others.get(name) != hashes.get(name):
                print(f"  differs: {name}")
        repeated = len(killed.started()) - len(set(killed.started()))
        print(f"  killed {options.kills} times: the same bytes: {same}; jobs run twice: {repeated}")
        if not same:
            sys.exit(1)


def study_of(patterns: dict[str, str], folder: Path, part: int) -> dict:
    """A study that reads all of every domain."""
    questions = folder / "questions.jsonl"
    _, texts = split(corpora.mixed(200_000))
    lines = [json.dumps({"text": text}) + "\n" for text in texts]
    questions.write_text("".join(lines))
    return {
        "study": "big",
        "finals": "none",
        "corpus": {"sample": "all", "part_bytes": part, "clean": CLEAN},
        "domains": {name: {"source": "files", "files": files} for name, files in patterns.items()},
        "targets": {"questions": {"source": "files", "files": str(questions)}},
        "tokenizer": {"vocabulary": 8192, "sample_bytes": 8_000_000},
    }


class Run:
    """One folder in which the workflow turns the corpus into shards."""

    def __init__(self, folder: Path, study: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.command = [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(HOUSE / "Snakefile")),
            *("--cores", "2", "--configfile", str(study), "--rerun-incomplete", "--nolock"),
            "results/big/domains.parquet",
        ]
        self.log = folder / "snakemake.log"

    def start(self) -> subprocess.Popen:
        with self.log.open("a") as log:
            return subprocess.Popen(
                self.command, cwd=self.folder, stderr=log, stdout=log, start_new_session=True
            )

    def until_done(self) -> tuple[dict[str, int], list[str]]:
        """Runs to the end; returns command -> its peak of resident bytes, and the jobs started."""
        process = self.start()
        peaks: dict[str, int] = {}
        while process.poll() is None:
            for name, peak in commands_of(process.pid).items():
                peaks[name] = max(peaks.get(name, 0), peak)
            time.sleep(0.05)
        if process.returncode:
            sys.exit(self.log.read_text()[-3000:])
        return peaks, self.started()

    def for_a_while(self, seconds: float) -> None:
        """Runs for so many seconds, and is killed."""
        process = self.start()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        # Jobs have groups of their own.
        for pid in of_folder(self.folder):
            os.kill(pid, signal.SIGKILL)
        process.wait()

    def started(self) -> list[str]:
        """Outputs of the jobs of the rules on parts, one a start."""
        lines = self.log.read_text()
        return re.findall(r"^ +output: (results/big/(?:documents|tokens)/\S+)", lines, re.MULTILINE)

    def hashes(self) -> dict[str, str]:
        """File -> SHA-256 of all tokens and shards."""
        hashes = {}
        for kind in ("tokens", "shards"):
            for path in sorted(self.folder.glob(f"results/big/{kind}/**/*")):
                if path.is_file():
                    with path.open("rb") as file:
                        content = hashlib.file_digest(file, "sha256").hexdigest()
                    hashes[str(path.relative_to(self.folder))] = content
        return hashes


def commands_of(root: int) -> dict[str, int]:
    """Command of mixwright -> peak of resident bytes, of the processes below `root`."""
    import psutil

    peaks: dict[str, int] = {}
    for process in psutil.Process(root).children(recursive=True):
        try:
            words = process.cmdline()
            status = Path(f"/proc/{process.pid}/status").read_text()
        except (psutil.Error, OSError):
            continue
        if "mixwright" not in words:
            continue
        name = words[words.index("mixwright") + 1]
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        if peak:
            peaks[name] = max(peaks.get(name, 0), int(peak[1]) * 1024)
    return peaks


def of_folder(folder: Path) -> list[int]:
    """Processes whose working folder is this one."""
    import psutil

    pids = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder):
                pids.append(process.pid)
        except psutil.Error:
            continue
    return pids


if __name__ == "__main__":
    main()
