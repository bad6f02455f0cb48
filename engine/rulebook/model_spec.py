"""Models of a rule book: what learns propensities, of which actions, from what, and what counts as success."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from engine.model import Micros

HIERARCHICAL: Final = "hierarchical_logistic"
"""The default model's estimator, which learns every lesson whatever else is configured."""

ACTION_FEATURES: Final = "action."
"""What begins the name of a feature that is an attribute of the action."""


class Reward(NamedTuple):
    """What an outcome is worth, from 0 to 1 (None teaches nothing), and how long after the decision.

    `window` None stands for the model's response window.
    """

    worth: float | None
    window: Micros | None = None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model: by what it learns, what it sees, and how long it waits for a response.

    Attributes:
        estimator: `HIERARCHICAL`, or a classifier of river by its name in `engine.estimators.catalogue`.
        features: patterns of names.
        response_window: how long after the decision a response still teaches.
        name: what the rule book calls it.
        parameters: of the estimator, as plain JSON.
        outcomes: rewards that differ from the book's.
        action_features: patterns of names of the actions' attributes, each with `ACTION_FEATURES` before it.
        answers_after: so many exposures it learns from before it answers; until then the default does.
    """

    estimator: str
    features: tuple[str, ...]
    response_window: Micros
    name: str = "default"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    outcomes: Mapping[str, Reward] = field(default_factory=dict)
    answers_after: int = 0
    action_features: tuple[str, ...] = ()

    @property
    def learns_by_itself(self) -> bool:
        """Whether it has an estimator of its own, besides the default model's."""
        return self.estimator != HIERARCHICAL


@dataclass(frozen=True, slots=True)
class Models:
    """The models that stand beside the default one; of an action's own and its group's, its own counts.

    >>> models = Models((ModelSpec("tree.HoeffdingTreeClassifier", ("*",), 0, "tree"),), {}, {"save": 0})
    >>> models.of("stay", "save").name, models.of("stay", "data")
    ('tree', None)
    """

    others: tuple[ModelSpec, ...] = ()
    by_action: Mapping[str, int] = field(default_factory=dict)
    by_group: Mapping[str, int] = field(default_factory=dict)

    def of(self, action: str, group: str) -> ModelSpec | None:
        """The model set over an action; None if it is the default one."""
        at = self.by_action.get(action, self.by_group.get(group))
        return None if at is None else self.others[at]
