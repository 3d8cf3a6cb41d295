"""The card of a final model: what it learned from, how, and how far it came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from mixwright import __version__
from mixwright.corpus.shards import Shard
from mixwright.files import written
from mixwright.finals.arm import Arm
from mixwright.study.study import Study

FILE = "README.md"
PACKAGES = ("torch", "transformers")
# settings of a final that a reader of its card asks for first
SETTINGS = ("batch", "precision", "device", "trainer")


@dataclass(frozen=True)
class Facts:
    """What a card says."""

    study: str
    key: str  # of the final in the store
    weights: Mapping[str, float]  # the mixture: domain -> share
    realised: Sequence[Mapping[str, Any]]  # domain, tokens and passes, as taken
    fingerprints: Mapping[str, str]  # domain -> hash of its tokens
    tokens: int  # that it was trained on
    loss: float  # nats/token, mean of the last tenth of its steps
    seed: int
    final: Mapping[str, Any]  # the study's section
    masked: bool
    versions: Mapping[str, str]  # package -> version


def card(facts: Facts) -> str:
    """Returns the text of README.md: front matter that the Hugging Face hub reads, and a page."""
    front = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=True)
    parts = [
        f"---\n{front}---\n",
        f"# Final model of the study {facts.study}\n",
        _opening(facts),
        "## Mixture\n",
        _mixture(facts),
        "## Training\n",
        _training(facts),
        "## Data\n",
        _data(facts),
        "## Versions\n",
        _list(facts.versions),
        "## Licence\n",
        "This card names none. The licences of the sources are for who trained the model to check:"
        " they say whether and how it may be shared. Then name one as `license` in the first lines"
        " of this file.\n",
    ]
    return "\n".join(parts)


def write(folder: Path, facts: Facts) -> None:
    """Writes the card into a model's folder."""
    with written(folder / FILE) as partial:
        partial.write_text(card(facts), encoding="utf-8")


def facts_of(
    arm: Arm, key: str, result: Mapping[str, Any], shards: Sequence[Shard], study: Study
) -> Facts:
    """Returns what the card of a final says.

    Args:
        arm: what it was trained on.
        key: of the final in the store.
        result: as result.json holds it.
        shards: the tokens of every domain.
        study: the study that asked for it.
    """
    weights = arm.mixture.rounded()
    prints = {shard.domain: shard.fingerprint for shard in shards if shard.domain in weights}
    return Facts(
        study=str(study.config.get("study", "")),
        key=key,
        weights=weights,
        realised=result["realised"],
        fingerprints=prints,
        tokens=result["tokens"],
        loss=result["train_loss"],
        seed=arm.seed,
        # who trained it, where the study leaves that open
        final={**study.final, "trainer": study.final_trainer},
        masked=study.learner.masked,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Returns package -> version of what trains a final here."""
    return {"mixwright": __version__} | {name: version(name) for name in PACKAGES}


def _front_matter(facts: Facts) -> dict[str, Any]:
    task = "fill-mask" if facts.masked else "text-generation"
    return {
        "library_name": "transformers",
        "pipeline_tag": task,
        "tags": ["mixwright", "data-mixture"],
    }


def _opening(facts: Facts) -> str:
    return (
        f"Trained by mixwright on {facts.tokens:,} tokens of"
        f" {len(facts.weights)} domains, to test a mixture of them. Its loss in training was"
        f" {facts.loss:.4f} nats/token, mean of the last tenth of the steps.\n"
    )


def _mixture(facts: Facts) -> str:
    """Shares as asked for, and tokens and passes as taken."""
    taken = {row["domain"]: row for row in facts.realised}
    lines = ["| domain | share | tokens | passes |", "|---|---:|---:|---:|"]
    by_share = sorted(facts.weights, key=lambda domain: (-facts.weights[domain], domain))
    for domain in by_share:
        share = facts.weights[domain]
        row = taken.get(domain, {"tokens": 0, "epochs": 0.0})
        lines.append(f"| {domain} | {share:.4f} | {row['tokens']:,} | {row['epochs']:.3g} |")
    return "\n".join(lines) + "\n"


def _training(facts: Facts) -> str:
    final = facts.final
    settings: dict[str, Any] = {"seed": facts.seed}
    for name in SETTINGS:
        if name in final:
            settings[name] = final[name]
    settings["shape"] = _flat(final["shape"])
    settings["optimizer"] = _flat(final["optimizer"])
    if final.get("init"):
        settings["started from"] = final["init"]
    if final.get("from"):
        settings["configuration"] = final["from"]
    settings["loss"] = f"{facts.loss:.4f} nats/token"
    settings["key"] = facts.key
    return _list(settings)


def _data(facts: Facts) -> str:
    """What tells whether another model learned from the same tokens."""
    lines = ["SHA-256 of the tokens of each domain:\n"]
    for domain, fingerprint in sorted(facts.fingerprints.items()):
        lines.append(f"- {domain}: `{fingerprint}`")
    return "\n".join(lines) + "\n"


def _flat(settings: Mapping[str, Any]) -> str:
    pairs = [f"{name} {value}" for name, value in settings.items()]
    return ", ".join(pairs)


def _list(values: Mapping[str, Any]) -> str:
    lines = [f"- {name}: {value}" for name, value in values.items()]
    return "\n".join(lines) + "\n"
