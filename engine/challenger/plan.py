"""Plan: which rule book challenges the champion, how far it has come, and the way back."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from engine.errors import InvalidInput, Violation
from engine.model import Micros

CHALLENGER: Final = "challenger"
"""The word before a challenger's name in `Decision.holdout`."""

SAMPLE: Final = 0.1
"""The share of decisions a challenger makes unseen, unless the plan says otherwise."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Part(StrEnum):
    """What part a challenger plays.

    SHADOW: it decides unseen, after the answer was sent.
    SHARE: it decides for a share of customers.
    REPLACED: it decides for everybody; the champion rests.
    """

    SHADOW = "shadow"
    SHARE = "share"
    REPLACED = "replaced"


class Step(NamedTuple):
    """One part taken up at a moment; `share` in (0, 1) of customers, 0 unless the part is a share."""

    part: Part
    since: Micros
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A challenger by its `name`, the directory of its `rules`, and the steps it has taken.

    `steps` begin with the shadow; the last is the one in force. Each part stands there once at most.
    `sample` in (0, 1] is the share of decisions it makes unseen while it is a shadow.

    >>> plan = Plan.started("autumn", "/rules/autumn", now=1)
    >>> plan = plan.to_share(0.1, now=2).to_share(0.2, now=3).to_everybody(now=4)
    >>> plan.part, plan.back().share, plan.back().back().part, plan.back().back().back()
    (<Part.REPLACED: 'replaced'>, 0.2, <Part.SHADOW: 'shadow'>, None)
    """

    name: str
    rules: str
    steps: tuple[Step, ...]
    sample: float = SAMPLE

    @classmethod
    def started(cls, name: str, rules: str, now: Micros, sample: float = SAMPLE) -> "Plan":
        """A challenger in the champion's shadow.

        Raises:
            InvalidInput: the name or the sample is not to be had.
        """
        wrong = []
        if not _NAME.fullmatch(name):
            wrong.append(
                Violation(
                    "--name",
                    f"'{name}' must be 1 to 40 small letters, digits, _ or -, the first a letter",
                )
            )
        if not 0.0 < sample <= 1.0:
            wrong.append(Violation("--sample", f"{sample:g} must be above 0 and at most 1"))
        if wrong:
            raise InvalidInput(wrong)
        return cls(name, rules, (Step(Part.SHADOW, now),), sample)

    @property
    def part(self) -> Part:
        """The part it plays now."""
        return self.steps[-1].part

    @property
    def since(self) -> Micros:
        """When it took up that part."""
        return self.steps[-1].since

    @property
    def share(self) -> float:
        """The share of customers it decides for, in (0, 1); 0 while it decides for none or for all."""
        return self.steps[-1].share

    @property
    def label(self) -> str:
        """What names it in `Decision.holdout`: `challenger.autumn`."""
        return f"{CHALLENGER}.{self.name}"

    def step(self, part: Part) -> Step | None:
        """The step by which it took up a part; None if it has not."""
        return next((step for step in self.steps if step.part is part), None)

    def to_share(self, share: float, now: Micros) -> "Plan":
        """It decides for this share of customers from now on.

        Whom it decided for before is among them, unless the share is smaller now.

        Raises:
            InvalidInput: the share is none, or it decides for everybody already.
        """
        if not 0.0 < share < 1.0:
            raise _refused(
                "share", f"{share:g} must be above 0 and below 1; for everybody: promote"
            )
        if self.part is Part.REPLACED:
            raise _refused("share", f"{self.name} decides for everybody: first go back")
        return replace(self, steps=(self.steps[0], Step(Part.SHARE, now, share)))

    def to_everybody(self, now: Micros) -> "Plan":
        """It decides for everybody from now on.

        Raises:
            InvalidInput: it does so already.
        """
        if self.part is Part.REPLACED:
            raise _refused("promote", f"{self.name} decides for everybody already")
        return replace(self, steps=(*self.steps, Step(Part.REPLACED, now)))

    def back(self) -> "Plan | None":
        """One step back, to the part it played before; None if it played none."""
        return replace(self, steps=self.steps[:-1]) if len(self.steps) > 1 else None


def _refused(what: str, why: str) -> InvalidInput:
    return InvalidInput([Violation(what, why)])
