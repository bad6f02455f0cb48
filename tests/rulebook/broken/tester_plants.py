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

SLIPS: Final = (
    Plant(
        "the first key of an action without its colon",
        "actions/plans.yaml",
        "- id: data_plan\n",
        "- ‸id roof\n",
        ("the key 'id' needs a ':'",),
        alone=True,
    ),
    Plant(
        "the first key of an action others name, without its colon",
        "actions/save.yaml",
        "- id: save_discount\n",
        "- ‸id save_discount\n",
        ("the key 'id' needs a ':'",),
        alone=True,
    ),
    Plant(
        "the first key of a treatment without its colon",
        "actions/save.yaml",
        "- id: win_back.web\n",
        "- ‸id win_back.web\n",
        ("the key 'id' needs a ':'",),
        alone=True,
    ),
    Plant(
        "an action others name without an id",
        "actions/save.yaml",
        "  - id: save_discount\n    title",
        "  - ‸title",
        ("needs the key 'id'",),
        alone=True,
    ),
    Plant(
        "an action others name with nothing under its id",
        "actions/save.yaml",
        "- id: save_discount\n",
        "- id:‸\n",
        ("nothing under 'id'",),
        alone=True,
    ),
    Plant(
        "an id with a space",
        "actions/save.yaml",
        "- id: save_discount\n",
        "- id: ‸save discount\n",
        ("'save discount' is no name",),
        alone=True,
    ),
    Plant(
        "an id that is a number",
        "actions/save.yaml",
        "- id: save_discount\n",
        "- id: ‸5\n",
        ("quotes",),
        alone=True,
    ),
    Plant(
        "one action copied and not renamed",
        "actions/plans.yaml",
        "- id: call_plan\n",
        "- id: ‸data_plan\n",
        ("already", "line 2"),
        alone=True,
    ),
    Plant(
        "a second document in the middle of a file",
        "actions/save.yaml",
        "  - id: win_back\n",
        "‸---\n  - id: win_back\n",
        ("document",),
        alone=True,
    ),
    Plant(
        "a required key too far to the right",
        "actions/plans.yaml",
        "    title: Move to the plan with data\n",
        "      title‸: Move to the plan with data\n",
        ("indentation",),
        alone=True,
    ),
    Plant(
        "an alias where a number stands",
        "actions/plans.yaml",
        "    value: 40\n",
        "    value: ‸*forty\n",
        ("quotes",),
    ),
    Plant(
        "an anchor where a number stands",
        "actions/save.yaml",
        "    value: 25\n",
        "    value: ‸&most 25\n",
        ("quotes",),
    ),
    Plant(
        "a tag before a group",
        "actions/bundles.yaml",
        "    title: Free data at night\n    group: bundles\n",
        "    title: Free data at night\n    group: ‸!!str bundles\n",
        ("quotes",),
    ),
    Plant(
        "an alias where conditions stand",
        "actions/plans.yaml",
        "    eligible_when:\n"
        "      young: customer.age < 27\n"
        "      tagged: '\"streamer\" in customer.tags'\n",
        "    eligible_when: ‸*young\n",
        ("quotes",),
        alone=True,
    ),
    Plant(
        "a merge of keys",
        "actions/plans.yaml",
        "    value: 30\n",
        "    <<: ‸*usual\n",
        ("quotes",),
    ),
    Plant(
        "a tag before a type",
        "attributes.yaml",
        "customer.age:             {type: int, range",
        "customer.age:             {type: ‸!!str int, range",
        ("quotes",),
        alone=True,
    ),
    Plant(
        "a spreadsheet with semicolons",
        "levers.csv",
        "action_id,lever,value,per_day,from,to,owner\n"
        "data_bundle,25,,25000,2026-11-01,2027-01-31,Growth\n"
        "call_plan,,12.5,,,,Growth\n",
        "action_id‸;lever;value;per_day;from;to;owner\n"
        "data_bundle;25;;25000;2026-11-01;2027-01-31;Growth\n"
        "call_plan;;12,5;;;;Growth\n",
        ("commas", "';'"),
        alone=True,
    ),
    Plant(
        "a type with a comma without quotes",
        "attributes.yaml",
        "customer.balances:        {type: 'map(string,double)'}",
        "customer.balances:        {nullable: true, type: ‸map(string, double)}",
        ("quotes", "'map(string, double)'"),
        alone=True,
    ),
    Plant(
        "a type without its colon",
        "attributes.yaml",
        "customer.points:          {type: int, default: 0}",
        "customer.points:          {‸type int}",
        ("the key 'type' needs a ':'",),
        alone=True,
    ),
    Plant(
        "a type without a space after its colon",
        "attributes.yaml",
        "customer.points:          {type: int, default: 0}",
        "customer.points:          {‸type:int, default: 0}",
        ("space after the ':'",),
        alone=True,
    ),
    Plant(
        "no treatments at all",
        "actions/save.yaml",
        "    treatments:\n"
        "      - id: outage_notice.sms\n"
        "        placement: sms.care\n"
        "        texts:\n"
        "          message: Planned work on the network tonight. We are sorry for the trouble.",
        "    treatments: ‸[]",
        ("at least one",),
    ),
)

ALL: Final = (*TEXTS, *NUMBERS, *SLIPS)
