"""The part of JSON Schema (draft 7) that our schemas use: enough to tell whether a document fits."""

import re
from collections.abc import Iterator
from typing import Any

TYPES = {
    "object": lambda x: isinstance(x, dict),
    "array": lambda x: isinstance(x, list),
    "string": lambda x: isinstance(x, str),
    "boolean": lambda x: isinstance(x, bool),
    "null": lambda x: x is None,
    "number": lambda x: isinstance(x, int | float) and not isinstance(x, bool),
    "integer": lambda x: isinstance(x, int) and not isinstance(x, bool),
}
KNOWN = {
    "$schema", "title", "description", "type", "enum", "const", "pattern", "minimum", "maximum", "items",
    "minItems", "maxItems", "properties", "required", "additionalProperties", "uniqueItems", "anyOf", "allOf", "if", "then",
}  # fmt: skip


def complaints(x: Any, schema: Any, path: str = "") -> Iterator[str]:
    """Where and why `x` does not fit; nothing if it fits."""
    if isinstance(schema, bool):
        if not schema:
            yield f"{path}: not allowed"
        return
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    types = schema.get("type", list(TYPES))
    if not any(TYPES[one](x) for one in ([types] if isinstance(types, str) else types)):
        yield f"{path}: {x!r} is not {types}"
        return
    if "enum" in schema and x not in schema["enum"]:
        yield f"{path}: {x!r} is not one of {schema['enum']}"
    if "const" in schema and x != schema["const"]:
        yield f"{path}: {x!r} is not {schema['const']}"
    yield from _of_scalar(x, schema, path)
    yield from _of_collection(x, schema, path)
    yield from _of_variants(x, schema.get("anyOf", ()), path)
    for one in schema.get("allOf", ()):
        yield from complaints(x, one, path)
    if "if" in schema and not list(complaints(x, schema["if"], path)):
        yield from complaints(x, schema["then"], path)


def _of_variants(x: Any, variants: Any, path: str) -> Iterator[str]:
    """Nothing if one fits; if only one is of the type of `x`, what that one complains of."""
    found = [list(complaints(x, one, path)) for one in variants]
    if not found or not all(found):
        return
    alike = [told for told in found if f"{path}: {x!r} is not" not in told[0]]
    yield from alike[0] if len(alike) == 1 else [f"{path}: {x!r} fits none of {variants}"]


def _of_scalar(x: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(x, str) and "pattern" in schema and not re.search(schema["pattern"], x):
        yield f"{path}: {x!r} does not match {schema['pattern']}"
    if TYPES["number"](x) and (x < schema.get("minimum", x) or x > schema.get("maximum", x)):
        yield f"{path}: {x!r} is out of range"


def _of_collection(x: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(x, list):
        if not schema.get("minItems", 0) <= len(x) <= schema.get("maxItems", len(x)):
            yield f"{path}: {len(x)} items"
        if schema.get("uniqueItems") and any(item in x[:i] for i, item in enumerate(x)):
            yield f"{path}: an item stands there twice"
        for i, item in enumerate(x):
            yield from complaints(item, schema.get("items", True), f"{path}[{i}]")
    if isinstance(x, dict):
        known = schema.get("properties", {})
        for key in schema.get("required", ()):
            if key not in x:
                yield f"{path}: needs {key}"
        for key, value in x.items():
            inner = known.get(key, schema.get("additionalProperties", True))
            yield from complaints(value, inner, f"{path}/{key}")
