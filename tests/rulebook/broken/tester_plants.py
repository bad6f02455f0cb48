"""More mistakes: what a tester with bad intentions found that a rule book let through, or told badly."""

from typing import Final

from tests.rulebook.broken.planting import Plant

TEXTS: Final = (
    Plant(
        "a blank text",
        "actions/save.yaml",
        "          body: Have 2 GB on us.\n",
        '          body: ‸"  "\n',
        ("empty",),
    ),
    Plant(
        "a blank fallback",
        "policies.yaml",
        "      message: Reply HELP and we will call you back.",
        '      message: ‸""',
        ("empty",),
    ),
    Plant(
        "a bell in a text",
        "actions/plans.yaml",
        "          script: Ask how they like to watch films, then offer the plan with data.",
        '          script: "Ask how they like ‸\\a to watch films."',
        ("U+0007", "remove"),
    ),
)

NUMBERS: Final = (
    Plant(
        "a value divided by nothing",
        "actions/plans.yaml",
        "    value: 40\n",
        "    value: ‸40 / 0\n",
        ("'40 / 0'", "divided by zero"),
    ),
    Plant(
        "a value that is always below zero",
        "actions/save.yaml",
        "    value: 25\n",
        "    value: ‸0 - 40\n",
        ("'0 - 40' is -40", "at least 0"),
    ),
    Plant(
        "a weight worked out to be too small",
        "policies.yaml",
        "group: bundles, weight: 20",
        "group: bundles, weight: ‸-50 * 3",
        ("'-50 * 3' is -150", "between -100 and 10000"),
    ),
    Plant(
        "a cost worked out to be below zero",
        "actions/bundles.yaml",
        "cost_each: 12",
        "cost_each: ‸1 - 12",
        ("'1 - 12' is -11", "at least 0"),
    ),
    Plant(
        "a shared cap whose cost is no number",
        "policies.yaml",
        "holdouts:\n",
        "caps:\n"
        "  spring: {budget: {amount: 100, currency: EUR, cost_each: ‸customer.pointz / 2}}\n"
        "holdouts:\n",
        ("'customer.pointz'", "Did you mean 'customer.points'?"),
    ),
    Plant(
        "weights that together take away more than there is",
        "policies.yaml",
        "    - {when: events.dropped_calls_1d > 2, action: save_discount, weight: 30}\n",
        "    - {when: events.dropped_calls_1d > 2, action: save_discount, weight: 30}\n"
        "    - {when: customer.complaint_open, group: migration, weight: -60}\n"
        "    - {when: 'request.reason == \"move\"', issue: grow, weight: -30}\n"
        "    - {when: 'request.reason == \"fee\"', issue: grow, weight: -30}\n"
        '    - {when: \'request.channel in ["sms", "ivr"]\', weight: ‸-20}\n',
        ("data_plan", "-110 %"),
    ),
)

ALL: Final = (*TEXTS, *NUMBERS)
