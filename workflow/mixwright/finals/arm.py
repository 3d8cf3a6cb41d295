"""What one final is trained on, and the key under which the store keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mixwright.corpus.shards import Shard
from mixwright.corpus.tokenizer_files import fingerprint
from mixwright.mixture import Mixture, digest
from mixwright.proxies.init import checkpoint_print
from mixwright.study.recipes import keyed
from mixwright.study.study import Study
from mixwright.versions import VERSIONS

# the settings of a study's section `final` that change the trained weights
RECIPE = (
    "shape",
    "batch",
    "optimizer",
    "device",
    "precision",
    "micro_batch",
    "attention",
    "cross_entropy",
    "compile",
)


@dataclass(frozen=True)
class Arm:
    """What one final is trained on."""

    mixer: str
    seed: int
    mixture: Mixture
    goal: str | None = None  # the arm's own, where a study has several

    @property
    def label(self) -> str:
        """The name of the final in lines for people."""
        if self.goal:
            return f"{self.mixer} for {self.goal}, seed {self.seed}"
        return f"{self.mixer}, seed {self.seed}"


def content_key(
    arm: Arm,
    shards: Sequence[Shard],
    tokenizer: str | Path,
    study: Study,
    whole: bool | None = None,
) -> str:
    """Returns the hash of all that a final's numbers depend on.

    A domain of weight 0 has no part in it.

    Args:
        arm: mixture and seed.
        shards: the tokens of every domain.
        tokenizer: its folder.
        study: the study.
        whole: whether all files of the tokenizer count; None: where the study names its folder.
    """
    if whole is None:
        whole = study.own_tokenizer
    final = study.final
    weights = arm.mixture.rounded()
    prints = {shard.domain: shard.fingerprint for shard in shards if shard.domain in weights}
    content = {
        "weights": weights,
        "seed": arm.seed,
        "steps": study.final_steps,
        "recipe": keyed({name: final[name] for name in RECIPE if name in final}),
        "shards": prints,
        "tokenizer": fingerprint(tokenizer, whole),
        "version": VERSIONS["final"],
    }
    return digest(content | study.final_computed | study.final_processes | _start(study), 32)


def _start(study: Study) -> dict[str, str]:
    """The fingerprint of the checkpoint or configuration that finals start from; empty without."""
    prints = {}
    for key in ("init", "from"):
        name = study.final.get(key)
        if name:
            prints[key] = checkpoint_print(name, f"final.{key}", weights=key == "init")
    return prints
