"""What a training and a scoring job have in common: keys, members and texts. Imports no torch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mixwright.corpus.choices import Choices
from mixwright.corpus.shards import Examples, Shard
from mixwright.mixture import Mixture, Run
from mixwright.proxies.init import init_of
from mixwright.proxies.loglikelihoods import LikelihoodTexts
from mixwright.proxies.loss_rows import LossRows
from mixwright.proxies.measurements import Floats, Texts
from mixwright.proxies.models.masking import mask_token
from mixwright.proxies.online.recipe import spec_of
from mixwright.proxies.questions import NO_CHOICES, Questions
from mixwright.proxies.scored import held_out_texts, scored_texts
from mixwright.proxies.store import key_of, mixture_of
from mixwright.proxies.tuning import KEYS
from mixwright.study.study import Study


@dataclass(frozen=True, eq=False)
class Work:
    """Runs of one role, resolved before anything is trained or scored."""

    # with every choice of how to compute
    study: Study
    # sorted by domain
    shards: Sequence[Shard]
    # run -> the key of its training
    keys: Mapping[str, str]
    # key -> its training, for runs of equal mixture and seed are trained once
    trainings: Mapping[str, "Training"]
    # what every run is scored on at its end: texts, and answers of questions
    texts: Texts
    # whose answers are among them
    questions: Questions
    # the examples of single-domain runs, at the end
    recording: LikelihoodTexts

    @classmethod
    def of(
        cls,
        runs: Sequence[Run],
        mixtures: Mapping[str, Mixture],
        shards: Sequence[Shard],
        targets: Mapping[str, Examples],
        study: Study,
        choices: Mapping[str, Choices] = NO_CHOICES,
    ) -> "Work":
        """Resolves runs.

        Args:
            runs: Of one role.
            mixtures: Run name -> mixture.
            shards: Training text and held-out text of each domain.
            targets: Target -> its text.
            study: The resolved study, with every choice of how to compute.
            choices: Target of questions -> all their answers.
        """
        shards = sorted(shards, key=lambda shard: shard.domain)
        spec = study.proxy_spec | {"vocabulary": shards[0].vocabulary}
        if study.learner.masked:
            spec["mask_token"] = mask_token(shards[0])
        spec |= init_of(study)
        evaluation = study.evaluation
        scored = scored_texts(targets, shards, study, evaluation["tokens"])
        number, cap = evaluation.get("questions", 0), evaluation.get("example_tokens")
        questions = Questions.first(choices, number, cap)
        alone = False if study.learner.masked else None
        texts = Texts(scored | questions.texts, alone=alone)
        domains = [shard.domain for shard in shards]
        keys: dict[str, str] = {}
        trainings: dict[str, Training] = {}
        for run in runs:
            mixture = mixture_of(run, mixtures).over(domains)
            learned = [shard for shard in shards if shard.domain in mixture.rounded()]
            fingerprints = {shard.domain: shard.fingerprint for shard in learned}
            online = spec_of(run, list(keys.values()), texts)
            key = key_of(run, mixture, fingerprints, spec | _sources(learned, study) | online)
            keys[run.name] = key
            before = trainings.get(key)
            recorded = run.role == "vertex" or (before is not None and before.recorded)
            trainings[key] = Training(key, run, mixture, recorded)
        whole = held_out_texts(targets, shards, study)
        # A target that this job does not know yet is scored by the next one.
        known = [name for name in sorted(study.config["targets"]) if name in whole]
        return cls(
            study,
            shards,
            keys,
            trainings,
            texts,
            questions,
            LikelihoodTexts.of(evaluation, {name: whole[name] for name in known}),
        )

    @cached_property
    def recorded(self) -> Texts:
        """What single-domain runs record: each example, or token by token."""
        alone = None
        if self.study.learner.masked:
            alone = self.study.evaluation["masked"] == "alone"
        return Texts(self.recording.examples, self.recording.by_token, alone)

    @cached_property
    def loss_rows(self) -> LossRows:
        """Makes rows of losses of log-likelihoods."""
        return LossRows(self.targets, self.shards, self.questions)

    @property
    def targets(self) -> dict[str, Examples]:
        """Target -> its text, of those whose losses are measured at each evaluation."""
        answers = self.questions.texts
        return {name: text for name, text in self.texts.examples.items() if name not in answers}

    @property
    def computed(self) -> str:
        """How it is computed, as JSON; for the metadata of files."""
        return json.dumps({key: self.study.proxy[key] for key in KEYS})

    def lacking(self, key: str, measured: Mapping[str, Floats]) -> tuple[Texts, Texts]:
        """Returns what is still to be measured of a training: losses, and what is recorded.

        Args:
            key: Of the training.
            measured: Digest -> what was measured of it.
        """
        lacking = []
        for texts in (self.texts, self.recorded):
            names = set()
            for target, digest in texts.digests.items():
                if digest not in measured:
                    names.add(target)
            lacking.append(texts.only(names))
        losses, recorded = lacking
        if not self.trainings[key].recorded:
            recorded = recorded.only(set())
        return losses, recorded

    def is_measured(self, key: str, measured: Mapping[str, Floats]) -> bool:
        """Returns whether nothing is still to be measured of a training."""
        losses, recorded = self.lacking(key, measured)
        return not losses.examples and not recorded.examples


@dataclass(frozen=True)
class Training:
    """One training of a pack."""

    key: str
    # one of its runs
    run: Run
    # over the shards' domains, which are sorted by name
    mixture: Mixture
    # whether single examples are recorded of it
    recorded: bool


def _sources(shards: Sequence[Shard], study: Study) -> dict[str, Any]:
    """Returns the sizes of sources where they decide what a run may show of their samples."""
    sizes = {}
    for shard in shards:
        if shard.times_sampled > 1:
            sizes[shard.domain] = shard.source_tokens
    if study.epochs_of is None or not sizes:
        return {}
    return {"source_tokens": sizes}
