"""contact_policies as they are written, and what is said of those that make no sense."""

import pytest

from engine.model import DAY, HOUR, MINUTE
from engine.rulebook.contact import (
    FOREVER,
    OUTBOUND,
    ContactPolicy,
    Pause,
    QuietHours,
    Quota,
    Rest,
    Scope,
)
from engine.rulebook.load import load
from engine.rulebook.loosening import loosened
from tests.rulebook.builders import action, book, files

COUNTED = {"scope": "all", "count": "click", "at_least": 1, "within": "1d", "pause": "1d"}


def policy(written, **more):
    made = book(policies={"contact_policies": {"p": written}} | more)
    [found] = made.contact.policies
    return found


def said(written, **more):
    loaded = load(files(policies={"contact_policies": {"p": written}} | more))
    assert loaded.book is None
    return [one.message for one in loaded.diagnostics]


def test_a_rest_as_it_is_written():
    written = COUNTED | {"title": "Enough", "without": "accept", "channels": ["web"]}
    assert policy(written) == ContactPolicy(
        name="p",
        title="Enough",
        rule=Rest("click", 1, DAY, Pause(DAY), "accept"),
        scope=Scope.ALL,
        timezone="UTC",
        channels=frozenset({"web"}),
        place=policy(written).place,
    )


@pytest.mark.parametrize(
    ("pause", "held"),
    [
        ("36h", Pause(36 * HOUR)),
        ("until_midnight", Pause(2 * DAY, midnight=True)),
        ({"until": "accept", "at_most": "90d"}, Pause(90 * DAY, until="accept")),
        ({"until": "accept", "at_most": "forever"}, Pause(FOREVER, until="accept")),
    ],
)
def test_how_long_a_pause_is(pause, held):
    assert policy(COUNTED | {"pause": pause}).rule.pause == held


def test_a_pause_that_only_an_outcome_ends_is_remarked():
    loaded = load(
        files(policies={"contact_policies": {"p": COUNTED | {"pause": {"until": "accept"}}}})
    )
    assert loaded.book is not None
    [remark] = loaded.diagnostics
    assert "this pause never ends" in remark.message


def test_a_quota_and_quiet_hours():
    often = policy({"channels": ["ivr"], "limit": {"per_day": 2, "per_week": 5}})
    assert often.rule == Quota("impression", 2, 5)
    assert often.scope is Scope.ALL
    quiet = policy({"between": ["21:00", "08:30"], "timezone": "Europe/Dublin"})
    assert quiet.rule == QuietHours(21 * 60, 8 * 60 + 30)
    assert quiet.timezone == "Europe/Dublin"


def test_the_books_time_zone_is_that_of_policies_that_name_none():
    quiet = policy({"between": ["21:00", "08:30"]}, timezone="Africa/Lagos")
    assert quiet.timezone == "Africa/Lagos"
    assert policy(COUNTED, timezone="Africa/Lagos").timezone == "Africa/Lagos"


def test_what_is_taken_to_be_shown_and_outbound():
    contact = book().contact
    assert (contact.assume_shown, contact.outbound) == (HOUR, OUTBOUND)
    changed = book(policies={"assume_shown": "5m", "outbound_channels": ["ivr"]}).contact
    assert (changed.assume_shown, changed.outbound) == (5 * MINUTE, frozenset({"ivr"}))


def remarks(kind, **policy):
    written = COUNTED | {"channels": ["web", "ivr"]} | policy
    loaded = load(
        files(
            policies={"contact_policies": {"p": written, "inherited": COUNTED},
                      "all_actions": {"contact_policies": ["inherited"]},
                      "outbound_channels": ["web"]},
            actions=[action("a", contact_policies=["p"], **{"class": kind})],
        )
    )  # fmt: skip
    assert loaded.book is not None
    return [(one.file, one.column > 1, one.message) for one in loaded.diagnostics]


def test_a_policy_that_a_transactional_action_names_and_passes_is_remarked():
    [(file, placed, message)] = remarks("transactional")
    assert (file, placed) == ("actions/all.yaml", True)
    assert "'p' does not hold this action back on web: a transactional action passes" in message
    assert "'transactional: true'" in message
    assert remarks("transactional", transactional=True) == []
    assert remarks("transactional", channels=["ivr"]) == []
    assert remarks("promotional") == []


def test_a_policy_that_a_mandatory_action_names_is_remarked():
    [(_, _, message)] = remarks("mandatory", transactional=True)
    assert message == "'p' changes nothing: a mandatory action passes all contact policies"


def test_only_impressions_need_to_be_remembered_before_they_are_reported():
    assert book(policies={"contact_policies": {"p": COUNTED}}).contact.remembers == 0
    seen = COUNTED | {"count": "impression"}
    assert book(policies={"contact_policies": {"p": seen}}).contact.remembers == HOUR


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (COUNTED | {"within": "0d"}, "expected a length of time"),
        (COUNTED | {"pause": "0h"}, "until_midnight"),
        (COUNTED | {"pause": "forever"}, "expected a length of time"),
        (COUNTED | {"pause": {"until": "acept"}}, "Did you mean 'accept'?"),
        (COUNTED | {"pause": {"at_most": "9d"}}, "pause needs the key 'until'"),
        (COUNTED | {"pause": {"until": "accept", "at_most": "0d"}}, "expected a length of time"),
        ({k: v for k, v in COUNTED.items() if k != "pause"}, "needs the key 'pause'"),
        ({k: v for k, v in COUNTED.items() if k != "within"}, "needs the key 'within'"),
        (COUNTED | {"at_least": 0}, "0 is not between 1 and 1000"),
        (COUNTED | {"at_least": 1001}, "1001 is not between 1 and 1000"),
        (COUNTED | {"count": "clik"}, "Did you mean 'click'?"),
        (COUNTED | {"channels": ["wob"]}, "Did you mean 'web'?"),
        ({"limit": {}}, "say how often"),
        ({"limit": {"per_day": 0}}, "0 is not"),
        ({"limit": {"per_day": 5, "per_week": 2}}, "2 a week are fewer than 5 a day"),
        ({"limit": {"per_dya": 5}}, "Did you mean 'per_day'?"),
        ({"between": ["21:00", "21:00"], "timezone": "UTC"}, "the two times are the same"),
        ({"between": ["21:00", "24:00"], "timezone": "UTC"}, "expected a time of day"),
        ({"between": ["21:00", "08:00"]}, "needs the key 'timezone'"),
    ],
)
def test_what_makes_no_sense_is_an_error(written, problem):
    assert any(problem in message for message in said(written)), said(written)


@pytest.mark.parametrize("length", ["0m", "59s", "2d", "forever"])
def test_how_long_an_offer_may_be_taken_to_be_shown(length):
    loaded = load(files(policies={"assume_shown": length}))
    assert [one.message for one in loaded.diagnostics] == [
        f"expected a length of time from 1m to 1d, found '{length}'"
    ]


def test_related_actions_need_the_attribute_they_are_related_by():
    related = COUNTED | {"scope": "attribute", "attribute": "family"}
    policies = {"contact_policies": {"p": related}}
    lacking = load(files(policies=policies, actions=[action("a", contact_policies=["p"])]))
    assert [one.message for one in lacking.diagnostics] == [
        "contact policy 'p' counts actions with the same 'family': "
        "this action needs it under 'attributes'"
    ]
    having = action("a", contact_policies=["p"], attributes={"family": "data"})
    assert book(policies=policies, actions=[having]).contact.policies[0].attribute == "family"


def test_policies_are_inherited_unless_opted_out_of():
    made = book(
        policies={
            "contact_policies": {"p": COUNTED, "q": COUNTED, "r": COUNTED},
            "all_actions": {"contact_policies": ["p"]},
            "groups": {"bundles": {"issue": "grow", "contact_policies": ["q"]}},
        },
        actions=[
            action("a", group="bundles", contact_policies=["r", "p"]),
            action("b", group="bundles", opt_out=["p"]),
        ],
    )
    assert [a.contact_policies for a in made.actions] == [("p", "q", "r"), ("q",)]


def loosenings(old, new):
    """What is said of the one policy, obeyed by one action, as it is changed."""
    before, after = (
        book(
            policies={"contact_policies": {"p": written}, "timezone": "UTC"},
            actions=[action("a", contact_policies=["p"])],
        )
        for written in (old, new)
    )
    return [(found.name, found.actions, found.message) for found in loosened(before, after)]


def test_letting_transactional_actions_pass_again_is_said():
    strict = COUNTED | {"transactional": True}
    [(_, _, message)] = loosenings(strict, COUNTED)
    assert message == "lets transactional actions pass on outbound channels"
    assert loosenings(COUNTED, strict) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"at_least": 2}, "holds after 2 x click; it held after 1"),
        ({"within": "12h"}, "looks back 12h; it looked back 1d"),
        ({"pause": "12h"}, "rests 12h; it rested 1d"),
        ({"pause": "until_midnight"}, "rests until midnight; it rested 1d"),
        ({"pause": {"until": "accept", "at_most": "1d"}}, "ends with accept"),
        ({"without": "accept"}, "begins no rest where accept came among them"),
        ({"channels": ["web"]}, "counts and holds only on web"),
        ({"scope": "action"}, "counts by action; it counted by all"),
        ({"timezone": "Africa/Lagos"}, "goes by the clock of Africa/Lagos; it went by that of UTC"),
    ],
)
def test_a_policy_that_withholds_less_is_listed_before_it_goes_live(change, message):
    assert loosenings(COUNTED, COUNTED | change) == [("contact_policy.p", ("a",), message)]
    tightened = loosenings(COUNTED | change, COUNTED)
    assert message not in [said for _, _, said in tightened]


def test_a_policy_that_only_withholds_more_is_not_listed():
    assert loosenings(COUNTED, COUNTED | {"within": "2d", "pause": "2d"}) == []
    often = {"limit": {"per_day": 2}, "channels": ["web"]}
    assert loosenings(often, often | {"limit": {"per_day": 1, "per_week": 3}}) == []
    assert loosenings(often, often | {"limit": {"per_week": 3}}) == [
        ("contact_policy.p", ("a",), "allows any number a day; it allowed 2")
    ]
    quiet = {"between": ["21:00", "08:00"]}
    assert loosenings(quiet, {"between": ["20:00", "09:00"]}) == []
    assert loosenings(quiet, {"between": ["22:00", "08:00"]}) == [
        ("contact_policy.p", ("a",), "is quiet at other hours")
    ]
