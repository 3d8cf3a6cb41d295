"""The card of a final: what it says, and that the hub reads its first lines."""

from dataclasses import replace
from importlib.metadata import version

import pytest
import yaml

from final_study import FINAL, study, write_tokenizer
from mixwright import __version__
from mixwright.errors import MixwrightError
from mixwright.finals import tracking
from mixwright.finals.card import Facts, card
from mixwright.study.study import Study
from shard_files import make_shards
from trained_finals import folder_of, train

FACTS = Facts(
    study="pile: nine",
    key="0123abcd",
    weights={"web": 0.25, "books": 0.75},
    realised=[
        {"domain": "web", "tokens": 1_000, "epochs": 0.1},
        {"domain": "books", "tokens": 3_000, "epochs": 2.5},
    ],
    fingerprints={"web": "aa11", "books": "bb22"},
    tokens=4_000,
    loss=3.21987,
    seed=7,
    final=FINAL,
    masked=False,
    versions={"mixwright": "9.9", "torch": "2.0"},
)


def front_matter(text: str) -> dict:
    _, front, rest = text.split("---\n", 2)
    assert rest.strip()
    return yaml.safe_load(front)


def test_a_card_says_what_the_model_learned_from():
    text = card(FACTS)
    assert "| books | 0.7500 | 3,000 | 2.5 |\n| web | 0.2500 | 1,000 | 0.1 |" in text
    assert text.index("| books") < text.index("| web")
    for words in (
        "pile: nine",
        "4,000 tokens",
        "3.2199 nats/token",
        "- web: `aa11`",
        "- seed: 7",
        "- batch: 4",
        "layers 1",
        "muon_lr 0.04",
        "- torch: 2.0",
        "licences of the sources are for who trained the model to check",
    ):
        assert words in text, words


@pytest.mark.parametrize("masked", [False, True])
def test_its_first_lines_are_read_by_the_hub(masked):
    from huggingface_hub import ModelCard

    text = card(replace(FACTS, masked=masked))
    task = "fill-mask" if masked else "text-generation"
    assert front_matter(text)["pipeline_tag"] == task
    data = ModelCard(text).data
    assert data.library_name == "transformers" and "mixwright" in data.tags
    # nobody but the user can say
    assert data.license is None


def test_a_stored_model_has_its_card(tmp_path):
    shards = make_shards(tmp_path / "shards")
    tokenizer = write_tokenizer(tmp_path / "tokenizer")
    left_open = study(trainer="auto").config | {"tokenizer": {"folder": None, "vocabulary": 64}}
    train(shards, tokenizer, tmp_path / "run", Study(left_open))
    text = (folder_of(tmp_path / "run") / "model/README.md").read_text()
    assert f"- mixwright: {__version__}" in text
    assert "- trainer: packed" in text
    assert f"- transformers: {version('transformers')}" in text
    assert all(f"`{shard.fingerprint}`" in text for shard in shards)


def test_a_tracker_that_is_not_installed_is_told_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    for track, package in (("tensorboard", "tensorboard"), ("wandb", "wandb")):
        with pytest.raises(MixwrightError, match=f"{track}: the package {package} is not inst"):
            train([], tmp_path, tmp_path, study(track=track))
    tracking.check("none")
    assert tracking.trackers("none", tmp_path, "final") == ()
