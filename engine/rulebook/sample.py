"""A rule book in which every mapping there can be stands once: what schemas are read off."""

from typing import Final

SAMPLE: Final = {
    "attributes.yaml": b"""\
attributes:
  customer.age: {type: int, default: 0}
  customer.segment: {type: string, values: [a]}
  household.id: {type: string}
  events.drops: {type: int, from: {event: drop, count: 1d, where: {reason: a, more: [a]}}}
""",
    "policies.yaml": b"""\
stages: customer.segment
timezone: UTC
issues:
  i: {eligible_when: {c1: 'true'}, applicable_when: {c2: 'true'}, suitable_when: {c3: 'true'}}
groups:
  g: {issue: i, eligible_when: {c4: 'true'}, applicable_when: {c5: 'true'}, suitable_when: {c6: 'true'}}
all_actions: {eligible_when: {c7: 'true'}, applicable_when: {c8: 'true'}, suitable_when: {c9: 'true'}}
placements:
  p: {channel: web, slots: 2, texts: {headline: 40}, fallback: {headline: Hello}}
arbitration:
  context_weights: [{when: 'true', issue: i, weight: 1}, {stages: [a], weight: 1}]
  thresholds: [{channel: web, propensity: 0.1, priority: 0.1}]
  influencers:
    f: {on: click, scope: group, weight: 1, after: 1d, lasts: 1d, fades_over: 1d, channels: [web]}
  exploration: {gamma: 1, untrained: {reach: 0.1, positives: 10}}
  limits: {one: {group: g, at_most: 1}}
contact_policies:
  counted: {scope: action, subject: household, count: click, at_least: 1, within: 1d, pause: 1d}
  related: {scope: attribute, attribute: family, count: click, at_least: 1, within: 1d, pause: 1d}
  ending: {scope: all, count: click, at_least: 1, within: 1d, pause: {until: click, at_most: 1d}}
  often: {channels: [web], limit: {per_day: 1, per_week: 1}}
  quiet: {scope: all, between: ["21:00", "08:00"], timezone: UTC}
consents:
  channel: 'true'
  purposes: {marketing: 'true'}
  default: marketing
bundles:
  fixed: {actions: [a, b]}
  flexible: {lead: c, companions: [d], at_most: 1}
caps:
  shared: {group: g, per_day: 1, budget: {amount: 1, currency: EUR, cost_each: 1}}
outcomes: {click: {reward: 1, window: 1d}, lost: null}
models:
  default: {response_window: 7d}
  other:
    for: {actions: [a], groups: [g], issues: [i]}
    estimator: naive_bayes.BernoulliNB
    parameters: {alpha: 1}
    features: ['*']
    answers_after: 1
    response_window: 1d
    outcomes: {click: {reward: 1, window: 1d}, lost: 0}
holdouts:
  h: {share: 0.1, period: month, salt: s}
  without_a: {share: 0.1, period: month, salt: s, action: a}
experiments: {no_levers: 0.1}
triggers:
  t: {title: T, on: drop, when: 'true', placements: [p], rest: 1d, max_age: 1h}
  clock: {every: day, at: "09:00", timezone: UTC, placements: [p]}
""",
    "actions/all.yaml": b"""\
actions:
  - id: a
    title: A
    group: g
    valid: {from: 2026-11-01, to: 2027-01-31}
    eligible_when: {own1: 'true'}
    applicable_when: {own2: 'true'}
    suitable_when: {own3: 'true'}
    caps: {per_day: 1, budget: {amount: 1, currency: EUR, cost_each: 1}}
    measured: {outcome: gone, within: 30d, better: absent}
    attributes: {family: f}
    treatments:
      - {id: a.1, placement: p, when: 'true', texts: {headline: One}}
      - {id: a.2, placement: p, when: {named: 'true'}, texts: {headline: Two}}
  - {id: b, title: B, group: g, treatments: [{id: b.1, placement: p, texts: {headline: B}}]}
  - {id: c, title: C, group: g, treatments: [{id: c.1, placement: p, texts: {headline: C}}]}
  - {id: d, title: D, group: g, treatments: [{id: d.1, placement: p, texts: {headline: D}}]}
""",
    "stop.yaml": b"""\
stopped:
  - {action: a, since: 2026-11-21, until: 2026-11-22, reason: r, owner: o}
""",
    "tests/all.yaml": b"""\
tests:
  - name: all there is
    customer: {customer.age: 1}
    household: {household.id: x}
    history: [{action: a, outcome: click, ago: 1d}]
    events: [{type: drop, ago: 1d, attributes: {cell: 1}}]
    request: {placement: p, context: {customer.age: 1}}
    now: 2026-11-21
    propensities: {b: 0.1}
    positives: {a: 1}
    uplift: {a: -0.1}
    used: {a: {per_day: 1}}
    expect: {first: a, not: [a]}
  - name: nobody
    request: {placements: [p]}
    expect: {first: null, not: {a: eligible_when.own1}}
""",
}
