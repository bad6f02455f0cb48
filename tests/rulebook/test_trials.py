"""Holdouts and experiments, read from policies.yaml."""

import pickle

from engine.rulebook.load import load
from engine.rulebook.trial import Arm
from tests.rulebook.builders import action, book, files

SOME = {"share": 0.1, "period": "quarter", "salt": 2026}


def test_a_holdout_keeps_back_promotional_actions() -> None:
    actions = [
        action("sell"),
        action("other", group="save"),
        action("owed", **{"class": "transactional"}),
    ]
    made = book(
        actions=actions,
        policies={
            "holdouts": {"all": SOME | {"title": "Nobody"}, "some": SOME | {"group": "save"}}
        },
    )
    everything, some = made.trials.holdouts
    assert (everything.name, everything.title, everything.whole) == ("all", "Nobody", True)
    assert (everything.share, everything.period, everything.salt) == (0.1, "quarter", "2026")
    assert [*everything.treatments, *some.treatments] == [0, 1, 1]
    assert (some.whole, some.code) == (False, "holdout.some")


def test_arms_without_a_share_are_not_used() -> None:
    policies = {
        "timezone": "Europe/Dublin",
        "experiments": {"no_levers": 0.1, "random_relevant": 0, "period": "week", "salt": "a"},
    }
    trials = book(policies=policies).trials
    assert trials.experiments.shares == ((Arm.NO_LEVERS, 0.1),)
    assert (trials.experiments.period, trials.experiments.salt) == ("week", "a")
    assert trials.timezone == "Europe/Dublin"


def test_five_fifths_are_everybody() -> None:
    shares = dict.fromkeys(Arm, 0.2)
    assert load(files(policies={"experiments": shares})).book is not None


def test_a_holdout_of_nothing_is_remarked() -> None:
    owed = [action("owed", **{"class": "transactional"})]
    found = load(files(actions=owed, policies={"holdouts": {"h": SOME | {"action": "owed"}}}))
    assert [d.message for d in found.diagnostics] == [
        "this holdout keeps nothing back: only promotional actions can be held out"
    ]


def test_trials_travel_with_the_book() -> None:
    made = book(policies={"holdouts": {"h": SOME}, "experiments": {"no_levers": 0.1}})
    assert pickle.loads(pickle.dumps(made)).trials == made.trials
