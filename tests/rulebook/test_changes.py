"""Everything that differs between two books, in sentences."""

from collections.abc import Mapping

import pytest

from engine.rulebook.changes import Change, Effect, changes
from engine.rulebook.load import Loaded, load
from tests.rulebook.builders import ACTIONS, ATTRIBUTES, POLICIES, action, files


def loaded(content: Mapping[str, bytes]) -> Loaded:
    found = load(content)
    assert found.book is not None, "\n".join(map(str, found.diagnostics))
    return found


def told(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[tuple[Effect, str]]:
    return [(change.effect, str(change)) for change in changes(loaded(old), loaded(new))]


def rewritten(text: str, was: str, now: str) -> str:
    assert was in text
    return text.replace(was, now)


def test_the_same_book_does_not_differ() -> None:
    assert told(files(), files()) == []


def test_a_book_with_mistakes_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="mistakes"):
        changes(loaded(files()), load({}))


@pytest.mark.parametrize(
    ("now", "effect"),
    [
        (">= 16", Effect.LESS),
        (">= 21", Effect.MORE),
        ("> 17 || customer.age == 18", Effect.SAME),
        (">= 18 && consent.marketing", Effect.MORE),
        ("<= 18", Effect.OTHER),
    ],
)
def test_a_changed_condition_says_what_it_does(now: str, effect: Effect) -> None:
    new = files(actions=rewritten(ACTIONS, ">= 18", now))
    assert told(files(), new) == [
        (
            effect,
            "eligible_when.adult of data_5gb changed from 'customer.age >= 18' to"
            f" 'customer.age {now}'",
        )
    ]


def test_a_condition_over_an_attribute_declared_otherwise_is_judged_by_nobody() -> None:
    declared = rewritten(ATTRIBUTES, "{type: int, range", "{type: int, default: 30, range")
    new = files(attributes=declared, actions=rewritten(ACTIONS, ">= 18", ">= 21"))
    (changed,) = [c for c in changes(loaded(files()), loaded(new)) if "adult" in c.name]
    assert changed.effect is Effect.OTHER


def test_removed_and_added_conditions_with_their_places() -> None:
    new = files(
        actions=rewritten(ACTIONS, "adult: customer.age >= 18", "agreed: consent.marketing")
    )
    found = changes(loaded(files()), loaded(new))
    assert [(c.effect, c.name, c.place, c.gone) for c in found] == [
        (Effect.LESS, "eligible_when.adult", "actions/all.yaml:6:14", True),
        (Effect.MORE, "eligible_when.agreed", "actions/all.yaml:6:15", False),
    ]
    assert found[1].message == "is now asked of data_5gb: 'consent.marketing'"


def test_moving_to_another_group_tells_what_is_left_and_what_is_met() -> None:
    here = files(actions=rewritten(ACTIONS, "group: save", "group: bundles"))
    assert (Effect.ACTIONS, "stay moved from group save to bundles") in told(files(), here)
    back = told(here, files())
    assert (
        Effect.MORE,
        "suitable_when.no_complaint is met by stay, moved to group save from bundles:"
        " '!customer.complaint_open'",
    ) in back


def test_an_opt_out_that_is_gone_asks_more() -> None:
    opted = files(
        actions=rewritten(
            ACTIONS, "    value: 10\n", "    value: 10\n    opt_out: [no_complaint]\n"
        )
    )
    assert told(opted, files()) == [
        (
            Effect.MORE,
            "suitable_when.no_complaint is no longer opted out of by stay:"
            " '!customer.complaint_open'",
        )
    ]


def test_values_and_moved_levers() -> None:
    new = files(
        actions=rewritten(ACTIONS, "value: 4.50", "value: customer.age * 2.0"),
        policies=rewritten(POLICIES, "lever: 50", "lever: 40"),
    )
    assert told(files(), new) == [
        (Effect.WORTH, "data_5gb has the value 'customer.age * 2.0'; it was 4.5"),
        (Effect.WORTH, "lever of stay is +55 %; it was +65 %"),
    ]


def test_levers_in_the_spreadsheet() -> None:
    head = "action_id,lever,value,per_day,from,to,owner\n"
    old = files(more={"levers.csv": f"{head}data_5gb,10,,,,,Anna\n"})
    new = files(more={"levers.csv": f"{head}data_5gb,20,,,,,Anna\nstay,,9,,,,Bo\n"})
    assert told(old, new) == [
        (Effect.WORTH, "data_5gb has '20' as lever in levers.csv; it was '10'"),
        (Effect.WORTH, "stay has a row in levers.csv now: action_id stay, value 9, owner Bo"),
    ]
    assert (Effect.WORTH, "stay has no row in levers.csv any more; it was action_id stay, value 9,"
            " owner Bo") in told(new, old)  # fmt: skip


def test_dates_classes_and_actions() -> None:
    dates = {"from": "2026-01-01", "to": "2026-03-01"}
    old = files(actions=[action("a"), action("b", **{"class": "mandatory"}), action("gone")])
    new = files(actions=[action("a", valid=dates), action("b"), action("new")])
    assert told(old, new) == [
        (Effect.MORE, "a is valid only from 2026-01-01T00:00:00Z; it had no beginning"),
        (Effect.MORE, "a is valid only until 2026-03-02T00:00:00Z; it had no end"),
        (Effect.MORE, "b is promotional now; it was mandatory"),
        (Effect.ACTIONS, "new is new, in group bundles"),
        (Effect.ACTIONS, "gone is gone"),
    ]


def test_treatments_and_texts() -> None:
    new = files(
        actions=rewritten(
            rewritten(ACTIONS, "headline: Stay with us", "headline: Please stay"),
            "- id: data_5gb.web_plain",
            "- id: data_5gb.web_new",
        )
    )
    assert told(files(), new) == [
        (Effect.TREATMENTS, "data_5gb.web_new of data_5gb is new, for web.hero"),
        (Effect.TREATMENTS, "stay.web says 'Please stay' as headline; it was 'Stay with us'"),
        (Effect.TREATMENTS, "data_5gb.web_plain of data_5gb is gone"),
    ]


def test_attributes() -> None:
    declared = ATTRIBUTES.replace("[mass, premium, vip]", "[mass, vip, gold]").replace(
        "customer.name: {type: string, nullable: true}", "customer.city: {type: string}"
    )
    assert told(files(), files(attributes=declared)) == [
        (Effect.ATTRIBUTES, "customer.city is new: string"),
        (Effect.ATTRIBUTES, "customer.segment may also be gold and may no longer be premium"),
        (Effect.ATTRIBUTES, "customer.name is no longer declared"),
    ]


def test_thresholds_and_stops_ask_more() -> None:
    def book(propensity: float) -> dict[str, bytes]:
        rule = {"thresholds": [{"channel": "web", "propensity": propensity}]}
        return files(policies={"arbitration": rule})

    assert told(book(0.01), book(0.02)) == [
        (Effect.MORE, "propensity_threshold for channel web is 0.02; it was 0.01")
    ]
    stopped = files(more={"stop.yaml": "stopped:\n  - action: stay\n    reason: a wrong price\n"})
    ((effect, said),) = told(files(), stopped)
    assert (effect, said.startswith("action stay is stopped")) == (Effect.MORE, True)


def test_whatever_else_is_written_otherwise() -> None:
    new = rewritten(POLICIES, "slots: 2", "slots: 3")
    assert told(files(), files(policies=new)) == [
        (Effect.REST, "placements.web.hero.slots is 3; it was 2")
    ]


def test_what_asks_less_is_told_first() -> None:
    new = files(
        actions=rewritten(rewritten(ACTIONS, "value: 10", "value: 11"), ">= 18", ">= 16"),
    )
    assert [effect for effect, _ in told(files(), new)] == [Effect.LESS, Effect.WORTH]
    assert isinstance(changes(loaded(files()), loaded(new))[0], Change)


def watched(when: str = "events.drops >= 3", count: str = "1d", **more: str) -> dict[str, bytes]:
    source = f"{{event: dropped_call, count: {count}}}"
    trigger = f"{{on: dropped_call, when: '{when}', placements: [web.hero], rest: {more.get('rest', '7d')}}}"
    return files(
        attributes=f"{ATTRIBUTES}  events.drops: {{type: int, from: {source}}}\n",
        policies=f"{POLICIES}triggers:\n  third: {trigger}\n",
    )


@pytest.mark.parametrize(
    ("when", "effect"),
    [
        ("events.drops >= 2", Effect.LESS),
        ("events.drops >= 4", Effect.MORE),
        ("events.drops > 2", Effect.SAME),
        ("events.drops == 1", Effect.OTHER),
    ],
)
def test_a_triggers_condition_says_what_it_does_and_is_told_once(when: str, effect: Effect) -> None:
    said = f"trigger.third changed from 'events.drops >= 3' to '{when}'"
    assert told(watched(), watched(when)) == [(effect, said)]


def test_a_trigger_that_rests_less_asks_less() -> None:
    said = "trigger.third rests 1d; it rested 7d"
    assert told(watched(), watched(rest="1d")) == [(Effect.LESS, said)]


def test_a_source_that_changed_is_told_as_neither_looser_nor_tighter() -> None:
    said = "events.drops counts dropped_call of 300d instead of 1d"
    assert told(watched(), watched(count="300d")) == [(Effect.MEANING, said)]
    unread = "customer.age >= 18"
    assert told(watched(unread), watched(unread, count="300d")) == [(Effect.ATTRIBUTES, said)]


def test_a_new_window_is_told_with_its_source() -> None:
    assert (
        Effect.ATTRIBUTES,
        "events.drops is new: int; it counts dropped_call of 1d",
    ) in told(files(), watched())
