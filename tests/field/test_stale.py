"""Results follow every file that they depend on: what is replaced is read again."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from final_study import study, write_tokenizer
from mixwright.corpus.tokenizer_files import files_of, fingerprint
from mixwright.errors import MixwrightError
from mixwright.files import stamp, write_json
from mixwright.finals.arm import Arm, content_key
from mixwright.finals.train import train_finals
from mixwright.mixture import Mixture
from mixwright.stages.proxies import list_scored, list_texts
from mixwright.study.study import Study
from shard_files import make_shards

HOUSE = Path(__file__).parents[2]
STUDY: dict[str, Any] = {
    "study": "stale",
    "domains": {
        "web": {"source": "files", "files": "web.jsonl"},
        "code": {"source": "files", "files": "code.jsonl"},
    },
    "targets": {"held": {"source": "files", "files": "held.jsonl"}},
    "proxy": {"model": "micro", "tokens": 8192, "batch": 4},
    "final": {"model": "micro", "batch": 4, "seeds": [1]},
    "tokenizer": {"folder": "tok"},
    "mixers": {"natural": {}, "uniform": {}},
    "goal": {"tokens": 16384},
}
OLD = 1_500_000_000  # a time before all results


def texts(name: str, start: int = 0) -> list[str]:
    """Documents of words that no other name has."""
    random = np.random.default_rng([start, *name.encode()])
    return [" ".join(f"{name}{word}" for word in random.integers(90, size=60)) for _ in range(40)]


def write_texts(folder: Path, name: str, start: int = 0) -> None:
    lines = [json.dumps({"text": text}) for text in texts(name, start)]
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def write_bpe(folder: Path, vocabulary: int, end: str = "</s>") -> None:
    folder.mkdir(exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["</s>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts("web"), trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"eos_token": end})


def snakemake(folder: Path, *arguments: str) -> str:
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOUSE / "Snakefile")]
    command += ["--configfile", "study.yaml", "--cores", "2", *arguments]
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr


def pending(folder: Path) -> set[str]:
    """Rules that a dry run would run for the list of texts."""
    printed = snakemake(folder, "--dry-run", "--", "results/stale/texts.json")
    jobs = re.findall(r"^([a-z_]+) +\d+$", printed, re.MULTILINE)
    return {*jobs} - {"total"}


TOKENIZED = {"train_tokenizer", "tokenize_part", "tokenize_target"}
TOKENIZED |= {"join_parts", "count_domains", "list_scored", "list_texts"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A study whose corpus is there."""
    folder = tmp_path_factory.mktemp("study")
    for name in ("web", "code", "held"):
        write_texts(folder, name)
    write_bpe(folder / "tok", 300)
    snakemake(folder, "--quiet", "all", "--", "results/stale/texts.json")
    assert pending(folder) == set()
    return folder


def aged(folder: Path) -> None:
    """Makes all files of a folder, or a file, older than any result."""
    paths = [*folder.iterdir()] if folder.is_dir() else [folder]
    for path in paths:
        os.utime(path, (OLD, OLD))


@pytest.mark.parametrize(
    ("what", "older"), [("tokens", False), ("tokens", True), ("end", True), ("map", True)]
)
def test_a_tokenizer_folder_that_is_replaced_tokenizes_again(finished, what, older, tmp_path):
    folder = finished / "tok"
    shutil.copytree(folder, tmp_path / "tok")
    try:
        if what == "tokens":
            write_bpe(folder, 280)
        elif what == "end":
            write_bpe(folder, 300, "<end>")
        else:
            write_json(folder / "special_tokens_map.json", {"mask_token": "<end>"})
        if older:
            aged(folder)
        assert pending(finished) == TOKENIZED
    finally:
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "tok", folder)


@pytest.mark.parametrize(("name", "rule"), [("web", "clean_part"), ("held", "read_target")])
def test_a_text_that_is_replaced_by_an_older_file_is_read_again(finished, name, rule, tmp_path):
    path = finished / f"{name}.jsonl"
    before = tmp_path / "before"
    shutil.copy2(path, before)
    write_texts(finished, name, start=100)
    aged(path)
    rules = pending(finished)
    assert rule in rules and "train_tokenizer" not in rules, "it is a folder of the user"
    shutil.copy2(before, path)
    if name == "held":
        assert pending(finished) == set(), "the same files as before are the same study"


def test_a_folder_without_a_tokenizer_is_told_before_anything_is_cleaned(finished, tmp_path):
    shutil.move(finished / "tok" / "tokenizer.json", tmp_path / "aside")
    try:
        said = snakemake(finished, "--dry-run", "--", "results/stale/texts.json")
    finally:
        shutil.move(tmp_path / "aside", finished / "tok" / "tokenizer.json")
    assert "can be looked at, not run: tok: no tokenizer.json" in said


def test_the_lists_of_texts_are_other_files_where_a_text_is_another(tmp_path):
    """A small file with the same content reruns nothing, also after a driver was killed.

    What is only scored is no reason to train.
    """
    shards = make_shards(tmp_path)
    targets = [tmp_path / "held.npz"]
    shards[0].validation.save(targets[0])
    folders = [tmp_path / shard.domain for shard in shards]
    config = Study({**own().config, "targets": {"held": {}}})
    config.write(tmp_path / "study.json")

    def write_counts(validation: int, train: int = 7) -> None:
        counts = [
            {"split": "train", "tokens": train},
            {"split": "validation", "tokens": validation},
        ]
        pq.write_table(pa.Table.from_pylist(counts), tmp_path / "domains")

    def listed() -> tuple[str, str]:
        list_texts(folders, tmp_path / "domains", tmp_path / "texts.json")
        to = tmp_path / "scored.json"
        list_scored(tmp_path / "study.json", folders, targets, tmp_path / "domains", to)
        return (tmp_path / "texts.json").read_text(), to.read_text()

    write_counts(3)
    trained, scored = listed()
    assert listed() == (trained, scored)

    def changes() -> tuple[bool, bool]:
        nonlocal trained, scored
        before = trained, scored
        trained, scored = listed()
        return trained != before[0], scored != before[1]

    shards[1].validation.save(targets[0])
    assert changes() == (False, True)
    write_counts(4)
    assert changes() == (False, True)
    Study({**config.config, "evaluation": config.config["evaluation"] | {"tokens": 99}}).write(
        tmp_path / "study.json"
    )
    assert changes() == (False, True)
    manifest = folders[2] / "manifest.json"
    content = json.loads(manifest.read_text())
    write_json(manifest, content | {"cleaning": {"contaminated": 3}})
    assert changes() == (False, True)
    write_json(manifest, content | {"dtype": "uint32"})
    assert changes() == (True, True)
    content["splits"]["train"]["sha256"] = "another"
    write_json(manifest, content)
    assert changes() == (True, True)
    write_counts(4, train=8)
    assert changes() == (True, True)


def test_a_stamp_tells_an_older_file_and_one_of_another_size(tmp_path):
    path = tmp_path / "file"
    assert stamp(path) == []
    path.write_text("one")
    first = stamp(path)
    path.write_text("two")
    assert stamp(path)[0] == first[0]
    aged(path)
    second = stamp(path)
    path.write_text("three")
    aged(path)
    assert len({tuple(found) for found in (first, second, stamp(path))}) == 3


# -- the keys of finals

ARM = Arm("natural", 1, Mixture(("a", "b", "c"), (0.5, 0.2, 0.3)))


def own(**final: Any) -> Study:
    """A study whose tokenizer is a folder of the user."""
    config = study(**final).config
    return Study({**config, "tokenizer": {"folder": "tok"}})


@pytest.fixture
def shards(tmp_path):
    return make_shards(tmp_path / "shards")


@pytest.fixture
def tokenizer(tmp_path):
    return write_tokenizer(tmp_path / "tokenizer")


def test_every_file_of_a_tokenizer_folder_is_in_a_final_s_key(shards, tokenizer):
    keys = [content_key(ARM, shards, tokenizer, own())]
    for name in ("special_tokens_map.json", "vocab.json", "merges.txt", "tokenizer.model"):
        (tokenizer / name).write_text("{}")
        keys.append(content_key(ARM, shards, tokenizer, own()))
        (tokenizer / name).write_text("{ }")
        keys.append(content_key(ARM, shards, tokenizer, own()))
    path = tokenizer / "tokenizer_config.json"
    path.write_text(path.read_text().replace("<|endoftext|>", "w1"))
    keys.append(content_key(ARM, shards, tokenizer, own()))
    assert len(set(keys)) == 10
    for name in ("config.json", "model.safetensors", "README.md"):
        (tokenizer / name).write_text("of a model")
    assert content_key(ARM, shards, tokenizer, own()) == keys[-1]


def test_finals_of_a_tokenizer_that_is_trained_here_keep_their_keys(shards, tokenizer):
    key = content_key(ARM, shards, tokenizer, study())
    (tokenizer / "special_tokens_map.json").write_text("{}")
    assert content_key(ARM, shards, tokenizer, study()) == key
    (tokenizer / "tokenizer.json").write_text("{}")
    assert content_key(ARM, shards, tokenizer, study()) != key


def test_a_final_of_an_older_key_is_served_while_its_tokenizer_is_the_same(
    shards, tokenizer, tmp_path, monkeypatch
):
    from mixwright.finals import loop

    trained = []
    monkeypatch.setattr(loop, "finish", lambda *_: trained.append(1) or np.full(20, 1.5))

    def train(config: Study) -> None:
        store, to = tmp_path / "store", tmp_path / "finals.parquet"
        train_finals([ARM], shards, tokenizer, config, store, to, log=lambda news: None)

    train(study())  # as it was stored before: tokenizer.json alone is in its key
    train(own())
    assert len(trained) == 1
    (tokenizer / "special_tokens_map.json").write_text("{}")
    train(own())
    train(own())
    assert len(trained) == 2


def test_the_files_of_a_folder_are_those_that_are_copied(tokenizer, tmp_path):
    (tokenizer / "model.safetensors").write_text("weights")
    names = [path.name for path in files_of(tokenizer)]
    assert names == ["tokenizer.json", "tokenizer_config.json"]
    copy = shutil.copytree(tokenizer, tmp_path / "copy")
    assert fingerprint(copy, whole=True) == fingerprint(tokenizer, whole=True)
    with pytest.raises(MixwrightError, match=r"no tokenizer\.json; save a fast tokenizer"):
        files_of(tmp_path)


READERS = {
    "corpus": ["read_target", "clean_part"],
    "tabular": ["make_datasets"],
    "measured": ["import_runs", "weigh_domains", "climb_ladder", "predict_tests"]
    + ["score_subsets", "predict_mixtures"],
}


@pytest.mark.parametrize(
    ("file", "rule"), [(file, rule) for file, rules in READERS.items() for rule in rules]
)
def test_every_rule_that_reads_a_user_s_files_has_their_stamps(file, rule):
    text = (HOUSE / "workflow" / "rules" / f"{file}.smk").read_text()
    (body,) = re.findall(rf"^rule {rule}:\n((?:    .*\n|\n)*)", text, re.MULTILINE)
    assert "stamps(" in body or "stamps_of(" in body
