"""Every mistake somebody could make in a rule book is reported once, where it is, in words that help."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.rulebook.diagnostics import Diagnostic, Severity
from engine.rulebook.load import Loaded, load
from tests.rulebook.broken import plants
from tests.rulebook.broken.planting import BASE, Expected, Plant, plant, that_fit_together


def errors_of(loaded: Loaded) -> list[Diagnostic]:
    return [found for found in loaded.diagnostics if found.severity is Severity.ERROR]


def fits(found: Diagnostic, expected: Expected) -> bool:
    return found.file == expected.file and (found.line, found.column) in expected.places


def listed(found: Sequence[Diagnostic]) -> str:
    return "\n".join(map(str, found)) or "(nothing)"


def test_the_base_book_has_no_mistake() -> None:
    loaded = load(BASE)
    assert errors_of(loaded) == []
    assert loaded.book is not None


def test_the_corpus_is_large_and_every_mistake_has_a_name_of_its_own() -> None:
    names = [mistake.name for mistake in plants.ALL]
    assert len(set(names)) == len(names) >= 45


@pytest.mark.parametrize("mistake", plants.ALL, ids=lambda mistake: mistake.name)
def test_a_mistake_is_reported_once_at_its_place(mistake: Plant, tmp_path: Path) -> None:
    (expected,) = plant([mistake], tmp_path)

    loaded = load(tmp_path)

    errors = errors_of(loaded)
    assert len(errors) == 1, f"expected one error at {expected.places}:\n{listed(errors)}"
    assert fits(errors[0], expected), f"expected at {sorted(expected.places)}:\n{listed(errors)}"
    missing = [words for words in expected.says if words not in errors[0].message]
    assert not missing, f"{errors[0]} does not say {missing}"
    assert loaded.book is None


def test_forty_mistakes_at_once_are_all_reported_and_nothing_else(tmp_path: Path) -> None:
    chosen = that_fit_together(plants.ALL)
    assert len(chosen) >= 40
    expected = plant(chosen, tmp_path)

    errors = errors_of(load(tmp_path))

    missed = [e for e in expected if sum(fits(found, e) for found in errors) != 1]
    false_alarms = [found for found in errors if not any(fits(found, e) for e in expected)]
    assert not missed, f"not reported once: {[(e.plant, e.file, sorted(e.places)) for e in missed]}"
    assert not false_alarms, listed(false_alarms)
    assert errors == sorted(errors)


def test_the_same_files_are_told_the_same_way(tmp_path: Path) -> None:
    plant(that_fit_together(plants.ALL), tmp_path)
    assert load(tmp_path).diagnostics == load(tmp_path).diagnostics


@pytest.mark.parametrize(
    ("declaration", "expression"),
    [
        ("a default outside the range", "few children"),
        ("an age without a unit", "a churn score"),
        ("a range the wrong way round", "a number compared with words"),
        ("a key of an attribute misspelt", "a share of words"),
    ],
)
def test_a_mistake_in_a_declaration_hides_none_in_the_conditions(
    declaration: str, expression: str, tmp_path: Path
) -> None:
    # The type is plain from the declaration all the same, so conditions about it can be checked.
    both = [m for m in (*plants.ALL, *plants.ABOUT_DOUBTFUL) if m.name in {declaration, expression}]
    first, second = plant(both, tmp_path)

    errors = errors_of(load(tmp_path))

    assert any(fits(found, first) for found in errors), listed(errors)
    assert any(fits(found, second) for found in errors), listed(errors)
    assert len(errors) == 2, listed(errors)


def test_an_attribute_without_a_type_raises_no_alarm_where_it_is_used(tmp_path: Path) -> None:
    untyped = Plant(
        "no type",
        "attributes.yaml",
        "telco.plan:               {type: string, values",
        "telco.plan:               {type: ‸strin, values",
        ("strin",),
    )
    (expected,) = plant([untyped], tmp_path)
    errors = errors_of(load(tmp_path))
    assert len(errors) == 1, listed(errors)
    assert fits(errors[0], expected)


def test_a_lost_policies_file_makes_nothing_else_look_wrong(tmp_path: Path) -> None:
    plant([], tmp_path)
    (tmp_path / "policies.yaml").write_text('issues:\n  grow: {title: "Grow}\n', "utf-8")
    assert {error.file for error in errors_of(load(tmp_path))} == {"policies.yaml"}


def test_a_copy_of_a_file_is_one_mistake_for_each_action(tmp_path: Path) -> None:
    content = (BASE / "actions/save.yaml").read_bytes()
    errors = errors_of(load(book_with(tmp_path, "actions/a copy of save.yaml", content)))
    names = ("save_discount", "win_back", "birthday", "outage_notice")
    assert len(errors) == len(names), listed(errors)
    for name, error in zip(names, errors, strict=True):
        assert f"there is already action '{name}' in actions/a copy of save.yaml" in error.message


# --- files that can hardly be called files ----------------------------------------------------


def book_with(folder: Path, file: str, content: bytes) -> Path:
    plant([], folder)
    (folder / file).write_bytes(content)
    return folder


def only_error(folder: Path) -> Diagnostic:
    errors = errors_of(load(folder))
    assert len(errors) == 1, listed(errors)
    return errors[0]


def test_bytes_that_are_no_utf8_are_named(tmp_path: Path) -> None:
    content = "actions:\n  - title: Frühling\n".encode("latin-1")
    error = only_error(book_with(tmp_path, "actions/spring.yaml", content))
    assert (error.file, error.line, error.column) == ("actions/spring.yaml", 2, 14)
    assert "UTF-8" in error.message


def test_a_spreadsheet_saved_in_another_encoding_is_named(tmp_path: Path) -> None:
    content = "action_id,lever,value,per_day,from,to,owner\nwin_back,10,,,,,Jürgen\n".encode(
        "cp1252"
    )
    error = only_error(book_with(tmp_path, "levers.csv", content))
    assert (error.file, error.line, error.column) == ("levers.csv", 2, 18)
    assert "UTF-8" in error.message


def test_a_byte_order_mark_in_a_spreadsheet_is_no_mistake(tmp_path: Path) -> None:
    # "CSV UTF-8" of the usual spreadsheet program begins with one.
    content = (BASE / "levers.csv").read_bytes()
    folder = book_with(tmp_path, "levers.csv", b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert errors_of(load(folder)) == []


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_nesting_without_end_is_refused(tmp_path: Path, opening: str) -> None:
    content = f"actions:\n  {opening * 5_000}\n".encode()
    error = only_error(book_with(tmp_path, "actions/deep.yaml", content))
    assert (error.file, error.line) == ("actions/deep.yaml", 2)


def test_a_bomb_of_aliases_does_not_go_off(tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    content = "\n".join(["a0: &a0 [boom]", *levels, "actions: []"]).encode()
    errors = errors_of(load(book_with(tmp_path, "actions/bomb.yaml", content)))
    assert errors
    assert {error.file for error in errors} == {"actions/bomb.yaml"}


def test_a_condition_nested_without_end_is_refused(tmp_path: Path) -> None:
    deep = Plant(
        "brackets without end",
        "actions/plans.yaml",
        "has_children: customer.children > 0",
        f"has_children: {'(' * 5_000}customer.children > 0{')' * 5_000}",
        (),
    )
    (tmp_path / "plans").mkdir()
    texts = (BASE / deep.file).read_text().replace(deep.old, deep.new)
    error = only_error(book_with(tmp_path, deep.file, texts.encode()))
    assert error.file == deep.file
    assert error.line == texts[: texts.index("(((")].count("\n") + 1


def test_a_book_without_its_files_says_which(tmp_path: Path) -> None:
    (tmp_path / "actions").mkdir()
    errors = errors_of(load(tmp_path))
    assert {error.file for error in errors} >= {"attributes.yaml", "policies.yaml"}
    assert load(tmp_path).book is None


def test_a_folder_that_does_not_exist_is_an_error_and_no_crash(tmp_path: Path) -> None:
    loaded = load(tmp_path / "nowhere")
    assert loaded.book is None
    assert errors_of(loaded)


def test_what_a_story_says_of_a_list_that_cannot_be_read_is_not_doubted(tmp_path: Path) -> None:
    content = (BASE / "actions/save.yaml").read_bytes()
    broken = content.replace(
        b"contact_policies: [no_click_rest]", b"contact_policies: [no_click_rest"
    )
    story = (BASE / "tests/stories.yaml").read_bytes()
    told = story.replace(b"eligible_when.has_left", b"contact_policy.no_click_rest")
    assert (broken, told) != (content, story)
    folder = book_with(tmp_path, "tests/stories.yaml", told)
    assert errors_of(load(folder)) == []
    (folder / "actions/save.yaml").write_bytes(broken)
    assert only_error(folder).message == "the '[' opened here is never closed with ']'"
