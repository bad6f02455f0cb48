"""What is only untidy is no mistake: nothing under an optional key means none."""

from pathlib import Path

import pytest

from engine.rulebook.load import load
from tests.rulebook.broken.planting import BASE
from tests.rulebook.builders import action, book

EMPTY = (
    ("actions/bundles.yaml", "      not_unlimited: telco", "      # not_unlimited: telco"),
    ("actions/bundles.yaml", "contact_policies: [no_click_rest, five_a_day]", "contact_policies:"),
    ("actions/bundles.yaml", "{from: 2026-11-01, to: 2027-01-31}", "{}"),
    ("actions/bundles.yaml", "{from: 2026-11-01, to: 2027-01-31}", ""),
    ("actions/bundles.yaml", "to: 2027-01-31", "to: null"),
    ("actions/bundles.yaml", "attributes: {family: data}", "attributes:"),
    ("actions/bundles.yaml", "when: customer.age < 80", "when:"),
    ("actions/save.yaml", "opt_out: [no_complaint]", "opt_out:"),
    ("actions/plans.yaml", "    lever: 5\n", "    lever: ~\n"),
    ("attributes.yaml", "description: Share of the data used in %", "description: "),
    ("attributes.yaml", "{type: int, default: 1}", "{type: int, default: }"),
    ("policies.yaml", "title: 3 impressions without a click in 7 days rest 14 days", "title:"),
    ("policies.yaml", "    title: Grow\n    lever: 0\n", ""),
    ("policies.yaml", "    policy: squarecb\n    gamma: 50\n    none_when: customer.churn_score > 0.8\n", ""),
    ("policies.yaml", "    - {channel: web, propensity: 0.001}\n    - {channel: ivr, group: bundles, propensity: 0.01}\n", ""),
    ("policies.yaml", "  nobody_asked: {share: 0.02, period: month, salt: 2026H2}\n", ""),
)  # fmt: skip


def changed(file: str, old: str, new: str) -> dict[str, bytes]:
    files = {
        path.relative_to(BASE).as_posix(): path.read_bytes()
        for path in BASE.rglob("*")
        if path.is_file()
    }
    assert old.encode() in files.setdefault(file, b"")
    return files | {file: files[file].replace(old.encode(), new.encode(), 1)}


@pytest.mark.parametrize(("file", "old", "new"), EMPTY)
def test_nothing_under_an_optional_key_means_none(file: str, old: str, new: str) -> None:
    loaded = load(changed(file, old, new))
    assert loaded.book is not None, "\n".join(map(str, loaded.diagnostics))


@pytest.mark.parametrize(
    "content", ["# to be written\n", "actions:\n  # - id: soon\n", "actions: []"]
)
def test_a_file_of_actions_may_have_none_yet(content: str) -> None:
    assert load(changed("actions/soon.yaml", "", content)).book is not None


@pytest.mark.parametrize("file", ["policies.yaml", "attributes.yaml", "actions/save.yaml"])
def test_a_byte_order_mark_at_the_beginning_is_no_mistake(file: str) -> None:
    with_mark = load(changed(file, "", "\ufeff"))
    assert with_mark.book is not None
    assert with_mark.book.actions == load(Path(BASE)).book.actions  # type: ignore[union-attr]


def test_empty_dates_are_open() -> None:
    made = book(actions=[action("a", valid={"from": None, "to": "2026-01-01"})])
    begin, end = made.actions[0].valid
    assert begin is None
    assert end is not None


@pytest.mark.parametrize("key", ["issues", "groups", "placements"])
def test_what_every_book_needs_cannot_be_empty(key: str) -> None:
    policies = (BASE / "policies.yaml").read_text()
    begin = policies.index(f"{key}:\n") + len(key) + 1
    end = policies.index("\n\n", begin)
    errors = [
        one.message
        for one in load(changed("policies.yaml", policies[begin:end], "")).diagnostics
        if one.severity == 1
    ]
    assert f"there is nothing under '{key}': policies.yaml needs it" in errors
