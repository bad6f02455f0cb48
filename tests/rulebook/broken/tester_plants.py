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

ALL: Final = (*TEXTS,)
