"""What the runs of a pack that learn their weights learn from."""

from mixwright.errors import MixwrightError
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.online import learner_of
from mixwright.proxies.online.recipe import learns
from mixwright.proxies.online.watch import Alignment, Excess, Losses, Watch
from mixwright.proxies.online.wave import Pupil
from mixwright.proxies.scoring import Exam, batch_tokens
from mixwright.proxies.wave import Settings
from mixwright.proxies.weights import Weights
from mixwright.proxies.work import Training, Work


def reference_of(work: Work) -> str | None:
    """Returns the key of the run that others of the pack are compared with; None without one."""
    methods = set()
    references = []
    for training in work.trainings.values():
        if learns(training.run):
            methods.add(training.run.parameters["online"]["method"])
        else:
            references.append(training.key)
    return references[-1] if "doremi" in methods else None


def pupils_of(work: Work, shape: Shape, settings: Settings, weights: Weights) -> dict[str, Pupil]:
    """Returns key -> what teaches it, of each run that learns its weights.

    Args:
        work: the pack's.
        shape: of every member.
        settings: of the trainer.
        weights: hold those of the reference, where a run needs one.

    Raises:
        MixwrightError: the reference has diverged.
    """
    pupils = {}
    for key, training in work.trainings.items():
        if learns(training.run):
            online = training.run.parameters["online"]
            learner = learner_of(online["method"], len(work.shards), online["settings"])
            watch = _watch(training, work, shape, settings, weights)
            pupils[key] = Pupil(learner, watch)
    return pupils


def _watch(
    training: Training, work: Work, shape: Shape, settings: Settings, weights: Weights
) -> Watch:
    online = training.run.parameters["online"]
    if online["method"] == "odm":
        return Losses(shape, settings.execution)
    if online["method"] == "doremi":
        reference = weights.get(str(reference_of(work)), shape, settings.device)
        if reference is None:
            raise MixwrightError(
                "doremi: its reference run has diverged, so that no proxy can be compared with it;"
                " lower the learning rates of proxy.optimizer, or leave mixers.doremi out"
            )
        return Excess(shape, settings.execution, reference)
    exams = {}
    for target in online["targets"]:
        text = {target: work.texts.examples[target]}
        size = batch_tokens(shape, settings.device)
        exams[target] = Exam.of(text, shape.context, settings.device, batch_tokens=size)
    chosen = online["settings"]
    return Alignment(
        shape,
        settings.execution,
        every=int(chosen["every"]),
        sequences=int(chosen["sequences"]),
        importance=online["targets"],
        exams=exams,
    )
