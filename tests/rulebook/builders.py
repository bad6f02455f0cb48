"""A small valid rule book, and easy ways to change what a test is about.

book()                                              the small book itself
book(policies={"arbitration": {"priority": "V"}})   one key of policies.yaml replaced
book(actions=[action("a", value=3), action("b")])   other actions
load(files(policies=POLICIES.replace("40", "4")))   a change in the text, to see what is said of it
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from engine.rulebook.book import RuleBook
from engine.rulebook.load import load

ATTRIBUTES = """\
attributes:
  customer.age: {type: int, range: [0, 130]}
  customer.name: {type: string, nullable: true}
  customer.segment: {type: string, values: [mass, premium, vip], default: mass}
  customer.complaint_open: {type: bool, default: false}
  telco.data_used_pct: {type: double, nullable: true}
  telco.contract_end: {type: timestamp, nullable: true}
  consent.marketing: {type: bool}
  consent.channels: {type: list(string)}
  request.channel: {type: string, values: [web, app, ivr]}
  request.placement: {type: string}
  request.reason: {type: string, nullable: true}
  now: {type: timestamp}
"""

POLICIES = """\
issues:
  grow: {title: Grow, lever: 0}
  retain: {title: Retain, lever: 50}
groups:
  bundles: {issue: grow}
  save: {issue: retain, lever: 10, suitable_when: {no_complaint: '!customer.complaint_open'}}
all_actions:
  applicable_when:
    consent: consent.marketing && request.channel in consent.channels
placements:
  web.hero:
    channel: web
    slots: 2
    texts: {headline: 40}
    fallback: {headline: Good to see you}
  ivr.prompt:
    channel: ivr
    texts: {prompt: 200}
    fallback: {prompt: Please tell us how we can help}
"""

ACTIONS = """\
actions:
  - id: data_5gb
    title: Extra 5 GB
    group: bundles
    eligible_when:
      adult: customer.age >= 18
    value: 4.50
    treatments:
      - id: data_5gb.web
        placement: web.hero
        texts:
          headline: You have used {telco.data_used_pct:.0f} %
      - id: data_5gb.web_plain
        placement: web.hero
        texts:
          headline: Nearly out of data?
      - id: data_5gb.ivr
        placement: ivr.prompt
        texts:
          prompt: Press one for more data.
  - id: stay
    title: A reason to stay
    group: save
    value: 10
    lever: 5
    treatments:
      - id: stay.web
        placement: web.hero
        texts:
          headline: Stay with us
"""

Change = str | Mapping[str, Any] | Sequence[Mapping[str, Any]]


def files(
    *,
    attributes: Change = ATTRIBUTES,
    policies: Change = POLICIES,
    actions: Change = ACTIONS,
    more: Mapping[str, str] | None = None,
) -> dict[str, bytes]:
    """The files of a book. A text replaces a file; a mapping replaces single top-level keys of
    policies.yaml or adds attributes (None takes one away); a list of actions replaces all actions.
    """
    texts = {
        "attributes.yaml": _changed(ATTRIBUTES, attributes, "attributes"),
        "policies.yaml": _changed(POLICIES, policies, ""),
        "actions/all.yaml": actions
        if isinstance(actions, str)
        else json.dumps({"actions": actions}),
        **(more or {}),
    }
    return {path: text.encode() for path, text in texts.items()}


def book(
    *,
    attributes: Change = ATTRIBUTES,
    policies: Change = POLICIES,
    actions: Change = ACTIONS,
    more: Mapping[str, str] | None = None,
) -> RuleBook:
    """The book made of `files(…)`, which must be valid."""
    loaded = load(files(attributes=attributes, policies=policies, actions=actions, more=more))
    assert loaded.book is not None, "\n".join(map(str, loaded.diagnostics))
    return loaded.book


def action(action_id: str, **keys: Any) -> dict[str, Any]:
    """An action with one treatment in web.hero; `keys` replace or add keys of the action."""
    treatment = {
        "id": f"{action_id}.web",
        "placement": "web.hero",
        "texts": {"headline": action_id[:40]},
    }
    return {
        "id": action_id,
        "title": action_id,
        "group": "bundles",
        "value": 1,
        "treatments": [treatment],
        **keys,
    }


def _changed(text: str, change: Change, section: str) -> str:
    if isinstance(change, str):
        return change
    assert isinstance(change, Mapping)
    content = yaml.safe_load(text)
    target = content[section] if section else content
    target |= change
    for key in [key for key, value in target.items() if value is None]:
        del target[key]
    return json.dumps(content)
