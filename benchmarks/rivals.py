"""The trainers that are compared, and the texts that all of them read.

They are transformers' Trainer, a plain PyTorch loop, and our packed trainer.

`python benchmarks/rivals.py NAME SPEC` trains in a process of its own, and prints its peak memory
and its seconds. SPEC is JSON, see `main`.
"""

import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.corpus.shards import Shard
from mixwright.proxies.speed.cases import RECIPE, SHAPES
from mixwright.proxies.speed.clock import now
from mixwright.proxies.speed.made_up import open_shards, write_shards

__all__ = ["RECIPE", "SHAPES", "now", "open_shards", "write_shards"]

VARIANTS: dict[str, dict[str, Any]] = {  # of ours; `AdamW` has the rivals' optimizer
    "default": {"recipe": RECIPE},
    "AdamW": {"recipe": RECIPE | {"name": "adamw", "adam_lr": 0.001}},
    "compiled": {"recipe": RECIPE, "compile": True},
}


class Clock:
    """Seconds a step, once the first steps have paid for buffers and caches.

    Nothing between the first and the last step waits for a GPU.
    """

    def __init__(self, device: str, steps: int, warm: int) -> None:
        self._device, self._steps, self._warm, self._step = device, steps, warm, 0
        self._times: list[float] = []

    def tick(self) -> None:
        """After a step."""
        self._step += 1
        if self._step in (self._warm, self._steps):
            self._times.append(now(self._device))

    @property
    def seconds(self) -> float:
        return (self._times[1] - self._times[0]) / (self._steps - self._warm)


def packed(
    shape: Mapping[str, Any],
    shards: Sequence[Shard],
    members: int,
    steps: int,
    batch: int,
    device: str = "cpu",
    recipe: Mapping[str, Any] = RECIPE,
    **fixed: Any,
) -> float:
    """Seconds that `train` takes for `members` members of `steps` steps each.

    One short text is scored at the end.

    It computes as a calibration's rule of thumb says, but for what is fixed.
    """
    from mixwright.mixture import Mixture
    from mixwright.proxies.models.shape import Shape
    from mixwright.proxies.train import Member, Settings, train
    from mixwright.proxies.tuning import machine, rule_of_thumb

    choice, _ = rule_of_thumb(
        {"shape": shape, "batch": batch, "device": device} | fixed,
        shape["vocabulary"],
        machine(device),
    )
    how = {
        "wave": choice.wave,
        "precision": choice.precision,
        "micro_batch": choice.micro_batch,
        "compiled": choice.compile,
    }
    names = tuple(shard.domain for shard in shards)
    mixtures = np.random.default_rng(0).dirichlet(np.ones(len(shards)), members)
    pack = [
        Member(f"m{i}", Mixture(names, weights), steps, seed=i)
        for i, weights in enumerate(mixtures)
    ]
    losses: list[float] = []
    began = now(device)
    train(
        pack,
        Shape.of(shape, shards[0].vocabulary, choice.attention),
        shards,
        settings=Settings(batch=batch, optimizer=recipe, evaluations=1, device=device, **how),
        targets={"held": shards[0].validation},
        likelihoods={},
        on_finished=lambda member, result: losses.append(result.losses[-1]["loss"]),
    )
    spent = now(device) - began
    assert len(losses) == members and np.isfinite(losses).all()
    return spent


def step(steps: int, members: int, **settings: Any) -> float:
    """Seconds a step of a member once everything runs.

    It is a long call less a short one, after a first call that pays for memory and graphs.
    """
    _, short, long = (
        packed(steps=count, members=members, **settings) for count in (1, 1, 1 + steps)
    )
    return (long - short) / steps / members


def trainer(
    shape: Mapping[str, Any],
    shards: Sequence[Shard],
    steps: int,
    batch: int,
    warm: int = 1,
    device: str = "cpu",
    bf16: bool = False,
) -> float:
    """Seconds a step of transformers' Trainer with its defaults (AdamW) on LlamaForCausalLM.

    It reads the shards' blocks in random order.
    """
    import torch
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        PrinterCallback,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    if device == "cpu":
        torch.set_num_threads(1)
    clock = Clock(device, steps, warm)

    class Ticks(TrainerCallback):
        def on_step_end(self, *args: Any, **rest: Any) -> None:
            clock.tick()

    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape["vocabulary"],
            hidden_size=shape["width"],
            intermediate_size=shape["hidden"],
            num_hidden_layers=shape["layers"],
            num_attention_heads=shape["heads"],
            max_position_embeddings=shape["context"],
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=batch,
            bf16=bf16,
            use_cpu=device == "cpu",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        one = Trainer(
            model, arguments, train_dataset=Blocks(shards, shape["context"]), callbacks=[Ticks()]
        )
        one.remove_callback(PrinterCallback)
        one.train()
    return clock.seconds


class Blocks:
    """A map-style data set of the shards' blocks."""

    def __init__(self, shards: Sequence[Shard], context: int) -> None:
        self.context, self.places = (
            context,
            [(s.tokens, b * context) for s in shards for b in range(s.sequences(context))],
        )

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> dict[str, Any]:
        tokens, at = self.places[index]
        block = tokens[at : at + self.context].astype(np.int64)
        return {"input_ids": block, "labels": block}


def plain(
    shape: Mapping[str, Any],
    shards: Sequence[Shard],
    steps: int,
    batch: int,
    warm: int = 1,
    device: str = "cpu",
    bf16: bool = False,
) -> float:
    """Seconds a step of the loop that one writes by hand.

    It has torch modules, fused attention, cross_entropy, AdamW, and random blocks.
    """
    import torch
    from plain_llama import Llama
    from torch.nn.functional import cross_entropy

    if device == "cpu":
        torch.set_num_threads(1)
    model = Llama(
        **{name: shape[name] for name in ("layers", "width", "heads", "hidden", "vocabulary")}
    ).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95))
    clock, rng, context = Clock(device, steps, warm), np.random.default_rng(0), shape["context"]
    for _ in range(steps):
        stream = shards[rng.integers(len(shards))].tokens
        starts = rng.integers(0, len(stream) - context - 1, batch)
        tokens = torch.from_numpy(
            np.stack([stream[at : at + context + 1] for at in starts]).astype(np.int64)
        ).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            logits = model(tokens[:, :-1])
        loss = cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        clock.tick()
    return clock.seconds


def products(shape: Mapping[str, Any], batch: int) -> float:
    """CPU-seconds of a step's matrix products, forward and both ways back, and nothing else.

    They are run for 512 tokens.
    """
    import torch

    torch.set_num_threads(1)
    width, hidden, spent = shape["width"], shape["hidden"], 0.0
    for count, *sizes in (
        *((shape["layers"], width, outputs) for outputs in (3 * width, width, 2 * hidden)),
        (shape["layers"], hidden, width),
        (1, width, shape["vocabulary"]),
    ):
        inputs, matrix = torch.randn(512, sizes[0]), torch.randn(sizes)
        # Memory is there before the clock starts.
        outputs, slopes, back = inputs @ matrix, torch.empty(sizes), torch.empty_like(inputs)
        repeats = max(1, 2**31 // (512 * sizes[0] * sizes[1]))
        began = now()
        for _ in range(repeats):
            torch.mm(inputs, matrix, out=outputs)
            torch.mm(outputs, matrix.T, out=back)
            torch.mm(inputs.T, outputs, out=slopes)
        spent += count * (now() - began) / repeats
    return spent * batch * shape["context"] / 512


def peak_gib() -> float:
    """Greatest resident memory of this process.

    getrusage would count what its parent held when it forked.
    """
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match
    return int(match[1]) / 2**20


def main() -> None:
    """Runs one trainer, and prints its peak memory and its seconds as JSON.

    The specification is `{"shape", "shards", "steps", "batch", ...}`: the parameters of the
    functions above, with the shards as a folder.
    """
    spec = json.loads(sys.argv[2])
    spec["shards"] = open_shards(Path(spec["shards"]))
    seconds = {"packed": packed, "step": step, "trainer": trainer, "plain": plain}[sys.argv[1]](
        **spec
    )
    print(json.dumps({"peak_gib": peak_gib(), "seconds": seconds}))


if __name__ == "__main__":
    main()
