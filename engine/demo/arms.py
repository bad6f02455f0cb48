"""The three arms that are compared: the same rule book, changed in nothing but how the best is chosen."""

import shutil
from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Final

import yaml


class Arm(StrEnum):
    """Who chooses among what the rules let through."""

    LEARNED = "learned"
    RULES_ONLY = "rules_only"
    RANDOM = "random"

    @property
    def label(self) -> str:
        """For people."""
        return {"learned": "Learned", "rules_only": "Rules alone", "random": "Random"}[self.value]


_CHANGES: Final[Mapping[Arm, Mapping[str, object]]] = {
    Arm.LEARNED: {},
    # What marketing alone would do: context, value and levers decide, the best always wins.
    Arm.RULES_ONLY: {
        "priority": "C * V * L",
        "exploration": {"policy": "greedy"},
        "thresholds": [],
    },
    # Whatever may take a slot has the same chance: with the least gamma a book may have, inverse-gap
    # weighting differs from 1/K by less than one part in a thousand.
    Arm.RANDOM: {
        "priority": "C * V * L",
        "exploration": {"policy": "squarecb", "gamma": 0.001},
        "thresholds": [],
    },
}

_TRIALS: Final = frozenset({"holdouts", "experiments"})


def arm_of(customer_id: str, seed: int) -> Arm:
    """The arm of a customer: a third of them each, by salted hash, the same whenever asked."""
    digest = blake2b(customer_id.encode(), digest_size=8, salt=seed.to_bytes(8, "big")).digest()
    return tuple(Arm)[int.from_bytes(digest, "big") % len(Arm)]


def write_book(arm: Arm, book: Path, into: Path) -> Path:
    """Copies the rule book and changes the arbitration of the copy as the arm needs it.

    The copy has no holdouts and experiments of its own, so that nothing is measured by them, and no
    tests, which may name them.
    """
    without = shutil.ignore_patterns("tests")
    target = Path(shutil.copytree(book, into / arm.value, ignore=without))
    policies = target / "policies.yaml"
    text = policies.read_text(encoding="utf-8")
    policies.write_text(rearbitrated(text, _CHANGES[arm]), encoding="utf-8")
    for actions in sorted(target.glob("actions/*.yaml")):
        actions.write_text(unmeasured(actions.read_text(encoding="utf-8")), encoding="utf-8")
    return target


def unmeasured(actions: str) -> str:
    r"""The text of a file of actions with what is measured of them left blank.

    >>> unmeasured("actions:\n- id: a\n  measured: {outcome: x}\n  value: 1\n")
    'actions:\n- id: a\n\n  value: 1\n'
    """
    lines = actions.splitlines(keepends=True)
    for action in _actions(actions):
        for key, value in action.value:
            if key.value == "measured":
                end = value.end_mark.line + bool(value.flow_style)
                lines[key.start_mark.line : end] = ["\n"] * (end - key.start_mark.line)
    return "".join(lines)


def _actions(text: str) -> list[yaml.MappingNode]:
    """The actions of a file that was checked before."""
    return [action for _, value in _mapping(text).value for action in value.value]


def rearbitrated(policies: str, changes: Mapping[str, object]) -> str:
    r"""The text of a `policies.yaml` with these keys of `arbitration` replaced or added, without trials.

    Every scalar is kept as it is written: PyYAML speaks YAML 1.1, where the key `on` of a trigger
    is the value true and 21:30 a number, and would write them so.

    >>> print(rearbitrated("arbitration: {priority: P * V}\ntriggers: {a: {on: b}}", {"ties": ["id"]}))
    arbitration: {priority: P * V, ties: [id]}
    triggers: {a: {on: b}}
    <BLANKLINE>
    """
    root = _mapping(policies)
    root.value = [pair for pair in root.value if pair[0].value not in _TRIALS]
    arbitration = _under(root, "arbitration")
    for key, value in changes.items():
        written = _mapping(yaml.safe_dump({key: value})).value[0]
        kept = [pair for pair in arbitration.value if pair[0].value != key]
        arbitration.value = [*kept, written]
    return str(yaml.serialize(root, Dumper=yaml.BaseDumper, allow_unicode=True, width=1000))


def _under(root: yaml.MappingNode, key: str) -> yaml.MappingNode:
    """The mapping under a key; made if it is not there."""
    for name, value in root.value:
        if name.value == key and isinstance(value, yaml.MappingNode):
            return value
    pair = _mapping(f"{key}: {{}}").value[0]
    root.value.append(pair)
    made: yaml.MappingNode = pair[1]
    return made


def _mapping(text: str) -> yaml.MappingNode:
    root = yaml.compose(text, Loader=yaml.BaseLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("policies.yaml is a mapping: the book was checked before")
    return root
