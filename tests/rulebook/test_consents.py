"""Consent for a purpose and on a channel: what is not definitely given is not given."""

import pytest

from engine.model import Stage
from engine.rulebook.load import load
from tests.builders import customer, decide, question, trace_of
from tests.rulebook.builders import action, book, files

CONSENTS = {
    "channel": "request.channel in consent.channels",
    "purposes": {"marketing": "consent.marketing", "service": "consent.service"},
}
ATTRIBUTES = {"consent.service": {"type": "bool"}}


def consenting(consents=CONSENTS, **more):
    policies = {
        "all_actions": None,
        "consents": consents,
        "issues": {"grow": {"purpose": "marketing"}, "retain": {"purpose": "service"}},
        "groups": {"bundles": {"issue": "grow"}, "save": {"issue": "retain"}},
    }
    return {"attributes": ATTRIBUTES, "policies": policies | more}


def told(who):
    """The trace of each action."""
    trace = trace_of(decide(rules(), question(explain=True), who))
    return {candidate.action_id: candidate for candidate in trace.candidates}


def codes(candidate):
    return [reason.code for reason in candidate.reasons]


def rules(**changed):
    actions = [
        action("sell"),
        action("help", group="save"),
        action("both", group="save", purpose="marketing"),
        action("legal", **{"class": "mandatory"}, opt_out=["marketing", "channel"]),
    ]
    return book(**consenting(**changed), actions=actions)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"consent_marketing": True, "consent_service": True}, {"sell", "help", "both", "legal"}),
        ({"consent_marketing": False, "consent_service": True}, {"help", "legal"}),
        ({"consent_marketing": True}, {"sell", "both", "legal"}),
        (
            {"consent_marketing": True, "consent_service": True, "consent_channels": ["app"]},
            {"legal"},
        ),
    ],
)
def test_what_was_agreed_to_is_shown(given, shown):
    candidates = told(customer(**given))
    assert {name for name, candidate in candidates.items() if candidate.factors} == shown


def test_the_reasons_name_the_purpose_and_the_channel():
    who = customer(consent_marketing=False, consent_channels=[])
    candidates = told(who)
    assert codes(candidates["sell"]) == ["consent.channel", "consent.marketing"]
    assert {r.stage for r in candidates["sell"].reasons} == {Stage.CONSENT_AND_CONTACT}
    unknown = candidates["help"].reasons[1]
    assert (unknown.code, unknown.unknown) == ("consent.service", True)


def test_a_purpose_nobody_named_is_an_error_unless_there_is_a_default():
    unsaid = consenting(issues={"grow": {}, "retain": {}})
    loaded = load(files(**unsaid, actions=[action("a")]))
    assert [d.message for d in loaded.diagnostics] == [
        "it is not said what this action needs consent for: give it, its group or its issue a "
        "'purpose' (marketing, service), or 'consents' a 'default'"
    ]
    unsaid["policies"]["consents"] = CONSENTS | {"default": "service"}
    made = book(**unsaid, actions=[action("a")])
    assert [made.conditions[i].code for i in made.actions[0].conditions] == [
        "consent.channel",
        "consent.service",
    ]


def test_an_unknown_purpose_is_an_error():
    loaded = load(files(**consenting(), actions=[action("a", purpose="marketting")]))
    assert "Did you mean 'marketing'?" in loaded.diagnostics[0].message
