"""Schemas for editors say what the checker says: no key more or less, and never no where it says yes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.rulebook.load import load
from engine.rulebook.nodes import ListNode, MapNode, Node, Scalar
from engine.rulebook.parse import parse
from engine.rulebook.report import Report
from engine.rulebook.sample import SAMPLE
from engine.rulebook.schema import FILES, Schema, merged, schemas
from tests.rulebook.broken import plants
from tests.rulebook.broken.planting import BASE, Plant, plant
from tests.rulebook.builders import files
from tests.rulebook.json_schema import complaints
from tests.rulebook.test_fuzz import mutated

RULES = Path(__file__).parents[2] / "rules"
BOOKS = {"telecom": RULES / "telecom", "bank": RULES / "bank", "base": BASE}
FEW = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def plain(node: Node | None) -> Any:
    """What an editor sees: plain values."""
    match node:
        case MapNode():
            return {key: plain(value) for key, (_, value) in node.entries.items()}
        case ListNode():
            return [plain(item) for item in node.items]
        case Scalar():
            return node.value
        case None:
            return None


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*.yaml")}


def kind_of(path: str) -> str:
    return path.removesuffix(".yaml").partition("/")[0]


def trees(book: dict[str, bytes]) -> dict[str, Any]:
    return {path: plain(parse(path, content, Report())) for path, content in book.items()}


def unfit(book: dict[str, bytes], made: dict[str, Schema]) -> list[str]:
    return [
        f"{path}{one}"
        for path, tree in trees(book).items()
        for one in complaints(without_nothing(tree), made[kind_of(path)])
    ]


def without_nothing(tree: Any) -> Any:
    """A tree without the keys that have nothing under them."""
    if isinstance(tree, dict):
        return {key: without_nothing(one) for key, one in tree.items() if one is not None}
    return [without_nothing(one) for one in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize("name", BOOKS)
def test_the_shipped_books_fit(name: str) -> None:
    assert unfit(contents(BOOKS[name]), schemas(BOOKS[name])) == []


SEEN_BY_EDITORS = (
    "a type that does not exist", "an attribute without a type", "a range of one number",
    "a key of an attribute misspelt", "an age without a unit", "the same channel twice",
    "a section misspelt", "a lever in words", "a group of an issue that does not exist",
    "half a slot", "a channel that does not exist", "a placement without a fallback",
    "a propensity above one", "a way to explore that does not exist", "within no time",
    "a window in which nobody can respond", "a group that does not exist", "an action without an id",
    "an action without a title", "a class that does not exist", "a placement that does not exist",
    "a text that is missing", "a text the placement does not have", "a key of a treatment misspelt",
    "conditions as a list", "no treatments at all", "a day in the order of another country",
)  # fmt: skip


@pytest.mark.parametrize(
    "mistake", [m for m in plants.ALL if m.name in SEEN_BY_EDITORS], ids=lambda m: m.name
)
def test_a_mistake_of_form_is_seen_while_typing(mistake: Plant, tmp_path: Path) -> None:
    plant([mistake], tmp_path)
    changed = {mistake.file: (tmp_path / mistake.file).read_bytes()}
    assert unfit(changed, MADE["base"])


def test_the_mistakes_of_form_are_all_among_the_planted() -> None:
    assert set(SEEN_BY_EDITORS) <= {mistake.name for mistake in plants.ALL}


def test_every_schema_is_plain_json() -> None:
    made = schemas(BOOKS["telecom"])
    assert list(made) == list(FILES)
    assert all(
        json.loads(json.dumps(one))["$schema"].endswith("draft-07/schema#") for one in made.values()
    )


def leaves(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(schema, dict) or not schema.keys() & {
        "properties",
        "items",
        "anyOf",
        "additionalProperties",
    }:
        yield path, schema
        return
    for key, inner in schema.get("properties", {}).items():
        yield from leaves(inner, f"{path}/{key}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from leaves(schema[key], f"{path}/*")


def test_only_a_default_may_be_anything() -> None:
    made = schemas(SAMPLE)
    vague = {
        f"{kind}{path}"
        for kind, one in made.items()
        for path, leaf in leaves(one)
        if leaf in ({}, True)
    }
    assert vague == {"attributes/attributes/*/default"}


def test_a_window_may_have_several_of_everything() -> None:
    clause = {
        "event": ["call", "visit"], "count": "7d", "channel": ["web", "ivr"],
        "where": {"topic": ["bill", "fault"], "urgent": True},
    }  # fmt: skip
    made = files(attributes={"events.x": {"type": "int", "from": clause}})
    assert load(made).errors == ()
    assert unfit(made, schemas(made)) == []
    misspelt = files(attributes={"events.x": {"type": "int", "from": {**clause, "wher": {}}}})
    assert unfit(misspelt, schemas(made))


def test_the_book_s_own_names_are_offered() -> None:
    made = schemas(files())
    action = made["actions"]["properties"]["actions"]["items"]["properties"]
    assert action["group"] == {"enum": ["bundles", "save"]}
    assert action["treatments"]["items"]["properties"]["placement"] == {
        "enum": ["ivr.prompt", "web.hero"]
    }
    assert action["class"] == {"enum": ["promotional", "transactional", "mandatory"]}
    story = made["tests"]["properties"]["tests"]["items"]["properties"]
    assert story["expect"]["properties"]["offers"]["items"] == {"enum": ["data_5gb", "stay"]}
    assert story["customer"]["properties"]["customer.segment"] == {
        "enum": ["mass", "premium", "vip"]
    }
    channel = made["policies"]["properties"]["placements"]["additionalProperties"]["properties"][
        "channel"
    ]
    assert channel == {"enum": ["web", "app", "ivr"]} or channel == {"enum": ["app", "ivr", "web"]}


def test_a_treatment_has_the_texts_of_its_placement() -> None:
    made = schemas(files())["actions"]
    texts = {"prompt": "Press one"}
    treatment = {"id": "t", "placement": "web.hero", "texts": texts}
    tree = {"actions": [{"id": "a", "title": "A", "group": "save", "treatments": [treatment]}]}
    assert [one.partition(": ")[2] for one in complaints(tree, made)] == [
        "needs headline",
        "not allowed",
    ]


def test_names_that_cannot_be_told_are_left_open() -> None:
    broken = files(policies="groups: {a: [")
    group = schemas(broken)["actions"]["properties"]["actions"]["items"]["properties"]["group"]
    assert group == {"type": "string"}
    assert schemas({})["actions"]["properties"]["actions"]["items"]["properties"]["group"] == group


def test_variants_are_united() -> None:
    one = {"properties": {"a": {"type": "string"}}, "required": ["a", "b"]}
    other = {"properties": {"a": {"type": "string"}, "c": {}}, "required": ["b"]}
    assert merged([one, other]) == {
        "properties": {"a": {"type": "string"}, "c": {}},
        "required": ["b"],
    }
    assert merged([{"type": "null"}, {"type": "string"}, {}]) == {
        "anyOf": [{"type": "null"}, {"type": "string"}]
    }


def mappings(tree: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(tree, dict):
        yield path, tree
        for key, value in tree.items():
            yield from mappings(value, f"{path}/{key}")
    if isinstance(tree, list):
        for i, value in enumerate(tree):
            yield from mappings(value, f"{path}[{i}]")


def all_keys(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(all_keys, schema))
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", ()))
    return own.union(*map(all_keys, schema.values()))


SHIPPED = {name: contents(directory) for name, directory in {**BOOKS, "base": BASE}.items()} | {
    "sample": dict(SAMPLE)
}
MADE = {name: schemas(book) for name, book in SHIPPED.items()}
KEYS = sorted(set().union(*(all_keys(one) for one in MADE["sample"].values())) | {"stranger"})


VARIANTS = ("/contact_policies/", "/bundles/")
"""What is written in several ways: a schema allows the keys of all."""


@FEW
@given(st.sampled_from(sorted(SHIPPED)), st.sampled_from(KEYS), st.data())
def test_a_key_is_unknown_to_both_or_to_neither(name: str, key: str, data: st.DataObject) -> None:
    book, made = SHIPPED[name], MADE[name]
    path = data.draw(st.sampled_from(sorted(book)))
    tree = plain(parse(path, book[path], Report()))
    where, mapping = data.draw(st.sampled_from(list(mappings(tree))))
    if key in mapping or where.endswith("/fallback"):
        return  # which texts a fallback has is said beside it, where no schema can look
    mapping[key] = None
    refused = any(
        one == f"{where}/{key}: not allowed" for one in complaints(tree, made[kind_of(path)])
    )
    found = load({**book, path: json.dumps(tree).encode()}).diagnostics
    unknown = any(
        f"unknown key '{key}'" in d.message or f"unknown attribute '{key}'" in d.message
        for d in found
    )
    if where.startswith(VARIANTS) and not refused:
        return
    assert refused == unknown, (where, key, refused, [str(d) for d in found])


@FEW
@given(st.sampled_from(sorted(SHIPPED)), st.data())
def test_what_the_checker_accepts_fits(name: str, data: st.DataObject) -> None:
    book = SHIPPED[name]
    path = data.draw(st.sampled_from(sorted(book)))
    tree = mutated(plain(parse(path, book[path], Report())), data)
    text = json.dumps(tree, default=str).encode("utf-8", "surrogatepass")
    changed = {**book, path: text}
    if load(changed).book is not None:
        assert unfit(changed, schemas(changed)) == []


def test_estimators_and_features_are_completed() -> None:
    schema = schemas(SHIPPED["telecom"])["policies"]
    model = schema["properties"]["models"]["additionalProperties"]["properties"]
    assert "tree.HoeffdingTreeClassifier" in model["estimator"]["enum"]
    named, free = model["features"]["items"]["anyOf"]
    assert {"customer.age", "history.click_count", "history.last_outcome"} <= {*named["enum"]}
    assert "history.group.bundles.accept_count" in named["enum"]
    assert free == {"type": "string"}
