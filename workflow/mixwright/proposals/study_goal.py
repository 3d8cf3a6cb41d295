"""What the study whose results hold a fit wants of a mixture: its goal, as the study is now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mixwright.study.goals import is_worst
from mixwright.study.study import Study

# limits of shares, in words
SHARES = {"caps": "at most", "floors": "at least", "fixed": "exactly"}


@dataclass(frozen=True)
class StudyGoal:
    """Targets, objective and limits of a study; all is empty where there is none."""

    # target -> weight in the objective
    targets: Mapping[str, float] = field(default_factory=dict)
    # domain -> largest, least and exact weight
    caps: Mapping[str, float] = field(default_factory=dict)
    floors: Mapping[str, float] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)
    # as mixwright.simplex.bounds.groups_of takes them
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # targets that must not be predicted worse than natural's, or `all`
    never_worse: tuple[str, ...] = ()
    max_epochs: float | None = None
    # what is minimised, where it is not the mean of the targets
    worst: bool = False
    risk: float | None = None
    # domains and targets that the study limits and the fit does not know
    unknown: tuple[str, ...] = ()

    @classmethod
    def beside(cls, fit: Path) -> "StudyGoal":
        """Returns the goal of the study of results/<study>/fits/<mixer>; else an empty one."""
        fits = fit.resolve().parent
        path = fits.parent / "study.json"
        if fits.name != "fits" or not path.is_file():
            return cls()
        study = Study.read(path)
        goal = study.config["goal"]
        never_worse = goal["never_worse"]
        if isinstance(never_worse, str):
            never_worse = [never_worse]
        return cls(
            targets=study.target_weights,
            caps=goal["caps"],
            floors=goal["floors"],
            fixed=goal["fixed"],
            groups=goal["groups"],
            never_worse=tuple(never_worse),
            # of runs that others measured shares alone are known
            max_epochs=None if study.measured else goal.get("max_epochs"),
            worst=is_worst(study.config),
            risk=goal.get("risk"),
        )

    def within(self, domains: Sequence[str], targets: Sequence[str]) -> "StudyGoal":
        """Returns the goal with limits on these alone: a study may have changed since its fit."""
        unknown: list[str] = []
        shares: dict[str, dict[str, float]] = {}
        for kind in SHARES:
            limits = getattr(self, kind)
            shares[kind] = {name: limits[name] for name in limits if name in domains}
            unknown += [name for name in limits if name not in domains]
        groups = {}
        for name, group in self.groups.items():
            strange = [member for member in group["domains"] if member not in domains]
            unknown += strange
            if not strange:
                groups[name] = group
        never_worse = [name for name in self.never_worse if name == "all" or name in targets]
        unknown += [name for name in self.never_worse if name not in never_worse]
        return replace(
            self,
            caps=shares["caps"],
            floors=shares["floors"],
            fixed=shares["fixed"],
            groups=groups,
            never_worse=tuple(never_worse),
            unknown=tuple(sorted(set(unknown))),
        )

    @property
    def objective(self) -> str:
        """What is minimised where it is not the mean, in words that a list of targets follows."""
        if self.worst:
            return ", the target that gains least of"
        if self.risk is not None:
            return f", what {self.risk:.0%} of refits keep of"
        return ""

    def weights(self, targets: Sequence[str]) -> dict[str, float]:
        """Returns target -> weight in the objective, of those of `targets` that have one."""
        return {name: weight for name, weight in self.targets.items() if name in targets}

    def notes(
        self, named: bool, limits: Mapping[str, Mapping[str, float]], max_epochs: float | None
    ) -> list[str]:
        """Returns what of the study's limits holds beside options, and what does not.

        Args:
            named: whether options name targets, whose mean is then minimised.
            limits: `caps`, `floors` and `fixed` as they hold: domain -> weight.
            max_epochs: of the options.
        """
        notes = []
        words = self._limits(limits)
        if words:
            notes.append(
                f"limits of the study hold too: {'; '.join(words)}; another number for one of them"
                " takes its place"
            )
        if self.unknown:
            notes.append(
                f"the study limits {', '.join(self.unknown)}, which this fit does not know: these"
                " limits are left out; run the study again to fit what it is now"
            )
        if named and self.objective:
            notes.append("the mean of the named targets is minimised; the study minimises another")
        if self.max_epochs is not None and max_epochs is None:
            notes.append(
                f"the study's max_epochs {self.max_epochs:g} is not seen to: passes need the"
                " domains' tokens and the run's (available, tokens, max_epochs)"
            )
        return notes

    def _limits(self, limits: Mapping[str, Mapping[str, float]]) -> list[str]:
        """The limits of shares, and of single targets, that no option has replaced, in words."""
        words = []
        for kind, what in SHARES.items():
            for name, share in sorted(getattr(self, kind).items()):
                if limits[kind][name] == share:
                    words.append(f"{name} {what} {share:g}")
        for name, group in sorted(self.groups.items()):
            members = " + ".join(group["domains"])
            ends = []
            for end, idle in (("least", 0), ("most", 1)):
                if group.get(end, idle) != idle:
                    ends.append(f"at {end} {group[end]:g}")
            words.append(f"{name} ({members}) {' and '.join(ends)}")
        if self.never_worse:
            words.append(f"never worse: {', '.join(self.never_worse)}")
        return words
