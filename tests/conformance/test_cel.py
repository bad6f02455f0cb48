"""The CEL specification's own tests: each is passed or refused at load, none answered wrongly.

A vector that wants an error is passed where the generated code answers None (unknown): that is what
an error is here, and an action passes only what is definitely true. A vector that is refused when it
is loaded is counted as refused, also where an error is wanted. Vectors the specification wants
unchecked are checked all the same, because every condition of a rule book is.

Bytes literals are refused: no attribute can hold bytes.

`ATTUNE_CEL_VECTORS` names another file in the same format.
"""

import base64
import json
import math
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine.model import UNKNOWN
from engine.rulebook.cel import Expect, Expression, load
from engine.rulebook.cel.clock import timestamp_of_text
from engine.rulebook.cel.environment import Environment
from engine.rulebook.cel.function import write
from engine.rulebook.cel.generator import Module, Writer
from engine.rulebook.cel.shapes import shape
from engine.rulebook.cel.tree import CelType
from engine.rulebook.cel.values import (
    NULL,
    Duration,
    KeyedMap,
    Timestamp,
    TypeValue,
    Uint,
    box,
    map_of,
)

SHARED = Path(__file__).parents[3] / "shared" / "cel-conformance" / "vectors.json"
VECTORS = Path(os.environ.get("ATTUNE_CEL_VECTORS", SHARED))

Vector = dict[str, Any]


class Refused(Exception):
    """The vector cannot be put to us."""


def type_named(declared: Any) -> CelType:
    if isinstance(declared, str):
        return CelType(declared)
    name, *parameters = declared
    return CelType(name, tuple(type_named(p) for p in parameters))


def read_value(tagged: dict[str, Any]) -> Any:
    """A tagged value as a boxed one."""
    ((tag, value),) = tagged.items()
    match tag:
        case "int":
            return int(value)
        case "uint":
            return Uint(value)
        case "double":
            return float(value)
        case "bool" | "string":
            return value
        case "bytes":
            return base64.b64decode(value)
        case "null":
            return NULL
        case "list":
            return tuple(read_value(v) for v in value)
        case "map":
            return map_of(*((read_value(k), read_value(v)) for k, v in value))
        case "type":
            return TypeValue(value)
        case "timestamp":
            moment = timestamp_of_text(value)
            if moment is None:
                raise Refused("needs nanoseconds")
            return Timestamp(moment)
        case "duration_us":
            return Duration(value)
        case _:
            raise Refused(f"values of kind {tag}")


def bound(value: Any) -> Any:
    """A boxed value as an attribute's: null is None."""
    return None if value is NULL else value


def same(a: Any, b: Any) -> bool:
    """Equal in kind and value: NaN is NaN here, and 0.0 is not -0.0."""
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        if not isinstance(b, dict) or a.keys() != b.keys():
            return False
        keys = {(type(k), k) for k in a} == {(type(k), k) for k in b}
        return keys and all(same(a[k], b[k]) for k in a.keys())  # noqa: SIM118  # iterating gives the written keys
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (
            a == b and math.copysign(1, a) == math.copysign(1, b)
        )
    return bool(a == b)


def compiled(vector: Vector) -> tuple[Expression, list[Any]]:
    types = {name: type_named(t) for name, t in vector["types"].items()}
    environment = Environment.of(types, vector.get("container", ""))
    values = [
        bound(read_value(vector["bindings"][name])) if name in vector["bindings"] else UNKNOWN
        for name in types
    ]
    expression = environment.compile(vector["expr"], Expect.ANY)
    if isinstance(expression, tuple):
        raise Refused(expression[0].message)
    return expression, values


def answer(vector: Vector) -> Any:
    """The value the generated code gives, boxed; None if it has none."""
    expression, values = compiled(vector)
    module = Module(expression.variables)
    function = write("answer", [expression.tree], module, Writer.read)
    constants = [f"{name} = {text}" for text, name in module.constants.items()]
    defined: Any = load("\n".join([*constants, *module.functions, function]))["answer"]
    (value,) = defined(values)
    return None if value is None else box(value, shape(expression.tree.type))


def verdict(vector: Vector) -> tuple[str, str]:
    try:
        wanted = None if "error" in vector["want"] else read_value(vector["want"])
        given = answer(vector)
    except Refused as refusal:
        return "refused", str(refusal)
    passed = given is None if wanted is None else same(given, wanted)
    return ("passed" if passed else "wrong"), f"wanted {wanted!r}, got {given!r}"


def report(verdicts: dict[str, tuple[str, str, str]], counts: Counter[str]) -> str:
    """The figures; with `ATTUNE_CEL_VERBOSE` also what was refused and why."""
    figures = " ".join(f"{result}={counts[result]}" for result in ("passed", "refused", "wrong"))
    told = {"refused"} if os.environ.get("ATTUNE_CEL_VERBOSE") else set()
    lines = [f"{r}: {n}: {e}: {why}" for n, (e, r, why) in verdicts.items() if r in told]
    return "\n".join([f"CEL conformance: {figures}", *lines])


def test_none_of_the_specifications_tests_is_answered_wrongly(
    capsys: pytest.CaptureFixture[str],
) -> None:
    if not VECTORS.exists():
        pytest.skip(f"the CEL conformance vectors are not there: {VECTORS}")
    verdicts = {v["name"]: (v["expr"], *verdict(v)) for v in json.loads(VECTORS.read_text())}
    counts = Counter(result for _, result, _ in verdicts.values())
    wrong = [f"{n}: {e}: {why}" for n, (e, result, why) in verdicts.items() if result == "wrong"]
    with capsys.disabled():
        sys.stdout.write(f"\n{report(verdicts, counts)}\n")
    assert counts.total() > 0
    assert not wrong, "\n".join(wrong)


def test_an_answer_of_another_kind_is_not_the_same() -> None:
    assert not same(1, Uint(1))
    assert not same(1, True)
    assert not same(0.0, -0.0)
    assert not same(KeyedMap(), ())
    assert same(float("nan"), float("nan"))
