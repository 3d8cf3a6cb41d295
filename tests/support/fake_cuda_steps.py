"""Takes steps of every architecture on a CUDA device that is not there.

python fake_cuda_steps.py prints a line of JSON for each case: what was computed, and the fault
that was met, or null.
"""

import json
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

import fake_cuda
from mixwright.proxies import scoring
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import initial
from mixwright.proxies.optimizer import Optimizer
from mixwright.proxies.resident import Resident
from mixwright.proxies.wave import PRECISIONS, Settings, Wave
from small_bert import BERT
from small_packs import RECIPE, SETTINGS, SHAPE

ONE_LAYER = replace(SHAPE, layers=1)
SHAPES = [
    ONE_LAYER,
    replace(ONE_LAYER, tied=True),
    replace(ONE_LAYER, attention="explicit"),
    replace(ONE_LAYER, architecture="gpt2"),
    replace(ONE_LAYER, architecture="neox"),
    replace(BERT, layers=1),
]
MEMBERS, PREDICTED = 3, 5
# A graph's inputs change between two replays, and no member has another's course.
COURSES = [10, 10, 12], [1.0, 1.0, 0.5]

Step = Callable[..., Tensor]


def weights(shape: Shape) -> Parameters:
    """Weights (K, ...) without numbers."""
    parameters = {}
    for name, tensor in initial(shape, seed=0).items():
        parameters[name] = torch.empty(MEMBERS, *tensor.shape[1:], device="cuda")
    return parameters


def training(shape: Shape, precision: str) -> tuple[Step, list[Tensor]]:
    """A step of a wave, in pieces of a batch, and its inputs on the device."""
    settings: Settings = replace(SETTINGS, device="cuda", precision=precision, micro_batch=2)
    wave = object.__new__(Wave)
    wave.shape = shape
    wave.settings = settings
    wave.parameters = weights(shape)
    wave.optimizer = Optimizer(wave.parameters, RECIPE, *COURSES)
    wave.maskings = [None] if shape.masked else []
    wave.resident = None
    sequences = MEMBERS, settings.batch
    if shape.masked:
        tokens = torch.zeros(*sequences, shape.context, dtype=torch.int64, device="cuda")
        places = torch.zeros(*sequences, PREDICTED, dtype=torch.int64, device="cuda")
        return wave._step, [tokens, places, places]
    tokens = torch.zeros(1_000, dtype=torch.int16, device="cuda")
    none = np.zeros(0, np.int64)
    wave.resident = Resident(tokens, none, none, none, shape.context)
    return wave._step, [torch.zeros(*sequences, dtype=torch.int64, device="cuda")]


def scored(shape: Shape, precision: str) -> tuple[Step, list[Tensor]]:
    """A pass of scoring some members, and its inputs on the device."""
    parameters = weights(shape)
    terms: list[scoring.Terms] = []
    scoring.room_bytes = lambda device: 1.0
    scoring.Exam._summed = lambda exam, of_batch, *rest: terms.append(of_batch)
    exam = scoring.Exam({}, (), "cuda")
    exam.loglikelihoods(parameters, shape, PRECISIONS[precision])

    def step(tokens: Tensor, places: Tensor) -> Tensor:
        batch = scoring.ExamBatch(tokens, places, places, places)
        with torch.no_grad():
            return terms[0](batch, slice(0, 2))

    tokens = torch.zeros(4, shape.context, dtype=torch.int64, device="cuda")
    return step, [tokens, torch.zeros(PREDICTED, dtype=torch.int64, device="cuda")]


def cases() -> Iterator[tuple[dict[str, str], Callable[[], tuple[Step, list[Tensor]]]]]:
    """Yields what is computed, and what makes its step."""
    for shape in SHAPES:
        kind = "tied" if shape.tied else shape.attention
        for precision in PRECISIONS:
            for name, make in (("training", training), ("scoring", scored)):
                words = {"of": shape.architecture, "kind": kind, "in": precision, "what": name}
                yield words, partial(make, shape, precision)


def of_host(step: Step, inputs: list[Tensor]) -> Tensor:
    """A step that makes a number on the host: a fault, for comparison."""
    return step(*inputs) * torch.tensor(2.0)


def of_number(step: Step, inputs: list[Tensor]) -> Tensor:
    """A step that reads a number of the device: a fault, for comparison."""
    return step(*inputs) * step(*inputs).sum().item()


def main() -> None:
    """Takes two steps of each case: the first fills what is remembered, as a warm-up does."""
    fake_cuda.pretend()
    for words, make in cases():
        fault = None
        kernels: list[str] = []
        try:
            with fake_cuda.absent():
                step, inputs = make()
                with fake_cuda.Watch():
                    step(*inputs)
                with fake_cuda.Watch() as watch:
                    step(*inputs)
                kernels = watch.kernels
        except Exception:
            fault = traceback.format_exc(limit=-4)
        print(json.dumps(words | {"fault": fault, "kernels": len(kernels)}))
    for name, wrong in (("host", of_host), ("number", of_number)):
        fault = None
        try:
            with fake_cuda.absent():
                step, inputs = scored(SHAPE, "float32")
                with fake_cuda.Watch():
                    wrong(step, inputs)
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        print(json.dumps({"what": name, "fault": fault}))


if __name__ == "__main__":
    main()
