"""Whose decisions a challenger makes."""

from engine.challenger.contender import Contender, lacking
from engine.challenger.plan import Plan
from engine.model import CustomerId
from tests.builders import NOW, decider, question
from tests.rulebook.builders import POLICIES, book

PEOPLE = [CustomerId(f"c{number}") for number in range(4_000)]
PLAN = Plan.started("autumn", "/rules", now=1).to_share(0.1, now=2)
HELD = {"holdouts": {"nobody_asked": {"share": 0.2, "period": "month", "salt": "s"}}}


def chosen(plan: Plan, policies: dict[str, object] | None = None) -> set[CustomerId]:
    of = book(policies=policies or {})
    contender = Contender(plan, decider(of), decider(of))
    return {who for who in PEOPLE if contender.decides_for(who, NOW)}


def test_a_larger_share_takes_in_whoever_was_in_the_smaller() -> None:
    small, large = chosen(PLAN), chosen(PLAN.to_share(0.3, now=3))
    assert small < large
    assert 0.08 < len(small) / len(PEOPLE) < 0.12
    assert 0.27 < len(large) / len(PEOPLE) < 0.33


def test_another_challenge_draws_other_lots() -> None:
    later = Plan.started("autumn", "/rules", now=9).to_share(0.1, now=10)
    both = chosen(PLAN) & chosen(later)
    assert len(both) < 0.03 * len(PEOPLE)


def test_who_is_in_a_holdout_of_the_champion_stays_with_the_champion() -> None:
    own = decider(book(policies=HELD))
    contender = Contender(PLAN, own, own)
    held = {who for who in PEOPLE if contender._trials.part(who, NOW).label}
    among = {who for who in PEOPLE if contender.decides_for(who, NOW)}
    assert held
    assert among == chosen(PLAN) - held


def test_where_the_challenger_lacks_a_placement_the_champion_decides_for_its_customers() -> None:
    champion = decider(book())
    short = book(policies=POLICIES[: POLICIES.index("  ivr.prompt:")], actions=WEB_ONLY)
    challenger = decider(short)
    contender = Contender(PLAN, challenger, champion)
    mine = next(who for who in PEOPLE if contender.decides_for(who, NOW))
    other = next(who for who in PEOPLE if not contender.decides_for(who, NOW))
    assert contender.side(question(customer_id=mine), NOW) == (challenger, "challenger.autumn")
    there = question("ivr.prompt", customer_id=mine, channel="ivr")
    assert contender.side(there, NOW) == (champion, "challenger.autumn")
    assert contender.side(question(customer_id=other), NOW) == (champion, "")
    assert lacking(champion.book, short) == ("ivr.prompt",)
    assert lacking(short, champion.book) == ()


WEB_ONLY = [
    {
        "id": "stay", "title": "Stay", "group": "save", "value": 10,
        "treatments": [{"id": "stay.web", "placement": "web.hero", "texts": {"headline": "Stay"}}],
    }
]  # fmt: skip
