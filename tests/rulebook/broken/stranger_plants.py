"""Mistakes found by somebody who had not seen the project: what a marketer's day brings."""

from typing import Final

from tests.rulebook.broken.planting import Plant

EDITORS: Final = (
    Plant(
        "a text with a colon, the first of its treatment",
        "actions/plans.yaml",
        "headline: Streams a lot\n",
        "headline: Streams‸: a lot\n",
        ("quotes",),
    ),
    Plant(
        "a quote that is never closed, in the first text of a treatment",
        "actions/plans.yaml",
        "headline: Talks a lot\n",
        'headline: ‸"Talks a lot\n',
        ("never closed",),
    ),
    Plant(
        "an action that has lost its dash",
        "actions/bundles.yaml",
        "  - id: night_bundle\n",
        "    ‸id: night_bundle\n",
        ("'id'", "twice", "'- '"),
        alone=True,
    ),
    Plant(
        "a treatment that has lost its dash",
        "actions/plans.yaml",
        "      - id: data_plan.desk\n",
        "        ‸id: data_plan.desk\n",
        ("'id'", "twice", "'- '"),
    ),
    Plant(
        "a text that runs code elsewhere",
        "actions/save.yaml",
        "title: Come back\n",
        "title: ‸!!python/object/apply:os.system ['true']\n",
        ("tags",),
    ),
    Plant(
        "a list with an anchor",
        "actions/bundles.yaml",
        "contact_policies: [no_click_rest, five_a_day]",
        "contact_policies: ‸&usual [no_click_rest, five_a_day]",
        ("anchors",),
    ),
    Plant(
        "a list that stays open above the next action",
        "actions/save.yaml",
        "contact_policies: [no_click_rest]\n",
        "contact_policies: ‸[no_click_rest\n",
        ("never closed",),
        alone=True,
    ),
    Plant(
        "a merge left halfway",
        "actions/save.yaml",
        "    title: Happy birthday\n",
        "‸<<<<<<< HEAD\n    title: Happy birthday\n=======\n    title: Hooray\n>>>>>>> other\n",
        ("versions", "keep one"),
        alone=True,
    ),
    Plant(
        "spaces that are none, from a web page",
        "actions/save.yaml",
        "    title: Happy birthday\n",
        "‸\u00a0\u00a0\u00a0\u00a0title: Happy birthday\n",
        ("plain spaces",),
        alone=True,
    ),
    Plant(
        "a NUL in a title",
        "actions/save.yaml",
        "title: Planned work\n",
        'title: "Planned‸\\0work"\n',
        ("U+0000", "remove"),
    ),
)

TABLES: Final = (
    Plant(
        "a spreadsheet without its first line",
        "levers.csv",
        "action_id,lever,value,per_day,from,to,owner\n",
        "‸",
        ("name the columns", "action_id,lever"),
        alone=True,
    ),
)

TEXTS: Final = (
    Plant(
        "doubled braces, as other programs fill texts",
        "actions/save.yaml",
        "script: Ask why, listen, and offer 20 % off for six months.",
        "script: Ask ‸{{customer.name}} why, listen, and offer 20 % off.",
        ("{customer.name}", "single braces"),
    ),
)

PLACES: Final = (
    Plant(
        "a placement asked for that does not exist",
        "actions/plans.yaml",
        "young: customer.age < 27",
        "young: request.placement == ‸'web.home_her'",
        ("'web.home_her'", "Did you mean 'web.home_hero'?"),
    ),
    Plant(
        "a text message that asks for the website",
        "actions/bundles.yaml",
        "      - id: night_bundle.sms\n        placement: sms.care\n",
        "      - id: night_bundle.sms\n        placement: sms.care\n        when: ‸request.channel == 'web'\n",
        ("no customer can ever get this", "where it is shown"),
        alone=True,
    ),
)

TIMES: Final = (
    Plant(
        "a contract that ended and goes on",
        "actions/plans.yaml",
        "contract_ends: telco.contract_end < now + days(60)",
        "contract_ends: telco.contract_end < now && ‸telco.contract_end > now + days(60)",
        ("never true together",),
    ),
)

NAMES: Final = (
    Plant(
        "an attribute of two words",
        "attributes.yaml",
        "household.size:           {type: int, default: 1}",
        "‸household size:           {type: int, default: 1}",
        ("'household size'", "no attribute name"),
    ),
)

DAYS: Final = (
    Plant(
        "a day in the order of another country",
        "actions/bundles.yaml",
        "valid: {from: 2026-11-01, to: 2027-01-31}",
        "valid: {from: ‸01.11.2026, to: 2027-01-31}",
        ("'01.11.2026'", "2026-11-21"),
    ),
    Plant(
        "the same channel twice",
        "policies.yaml",
        "channels: [web, app]",
        "channels: [web, ‸web]",
        ("'web'", "twice"),
    ),
)

DECLARATIONS: Final = (
    Plant(
        "a type of another language",
        "attributes.yaml",
        "customer.birth_date:      {type: timestamp,",
        "customer.birth_date:      {type: ‸date,",
        ("'date'", "Did you mean 'timestamp'?"),
    ),
    Plant(
        "a list of nothing in particular",
        "attributes.yaml",
        "customer.tags:            {type: list(string)}",
        "customer.tags:            {type: ‸list}",
        ("Did you mean 'list(string)'?",),
    ),
)


ALL: Final = (*EDITORS, *TABLES, *TEXTS, *PLACES, *TIMES, *NAMES, *DAYS, *DECLARATIONS)
