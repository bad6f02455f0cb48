from itertools import islice

import pytest

from engine.errors import StorageError
from engine.estimators import diary as module
from engine.estimators.diary import Diary
from engine.estimators.estimator import Estimator
from engine.estimators.keeping import digest
from tests.estimators.worlds import ACTIONS, Shown, shown, spec

FOREST = "forest.ARFClassifier"


def learn(diary: Diary, offers: list[Shown]) -> None:
    for one in offers:
        diary.learn(one.lesson(), one.raw, ACTIONS[one.action])


@pytest.mark.parametrize("name", [FOREST, "naive_bayes.BernoulliNB"])
@pytest.mark.parametrize("at", [(0,), (30,), (30, 60, 65), (100,)])
def test_whenever_it_is_kept_it_goes_on_as_if_it_had_never_stopped(
    name: str, at: tuple[int, ...]
) -> None:
    offers = list(shown(100))
    whole = Estimator(spec(name))
    learn(Diary(whole), offers)
    estimator = Estimator(spec(name))
    diary, done = Diary(estimator), 0
    for stop in at:
        learn(diary, offers[done:stop])
        diary.content()
        done = stop
    learn(diary, offers[done:])
    estimator, diary = Diary.read(spec(name), diary.content())
    assert digest(estimator) == digest(whole)
    more = list(islice(shown(20, seed=8), 20))
    learn(diary, more)
    learn(Diary(whole), more)
    assert digest(estimator) == digest(whole)


def test_a_large_one_is_not_copied_for_every_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LESSONS", 20)
    monkeypatch.setattr(module, "SMALL", 1_000)
    offers = list(shown(140))
    diary = Diary(Estimator(spec(FOREST)))
    learn(diary, offers[:100])
    first = diary.content()
    assert len(first) > module.SMALL
    learn(diary, offers[100:120])
    assert diary.content().startswith(first[:-1])
    learn(diary, offers[120:])
    assert not diary.content().startswith(first[:1_000])


def test_what_river_refused_it_refuses_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", 0)
    estimator = Estimator(spec("naive_bayes.BernoulliNB"))
    diary = Diary(estimator)
    offers = list(shown(40))
    learn(diary, offers[:20])
    diary.content()
    with pytest.raises(ValueError, match="zip"):
        diary.learn(offers[20].lesson(), [1, 2], {})
    learn(diary, offers[21:])
    again, _ = Diary.read(estimator.spec, diary.content())
    assert digest(again) == digest(estimator)


@pytest.mark.parametrize("cut", [0, 4, 40, -1])
def test_a_damaged_one_is_refused(cut: int) -> None:
    diary = Diary(Estimator(spec("naive_bayes.BernoulliNB")))
    learn(diary, list(shown(20)))
    with pytest.raises(StorageError):
        Diary.read(spec("naive_bayes.BernoulliNB"), diary.content()[:cut])
