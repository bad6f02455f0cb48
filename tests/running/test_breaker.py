import pytest

from engine.running.breaker import Breaker


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def breaker(now):
    return Breaker(rest=2.0, clock=lambda: now[0])


def test_two_failures_are_forgiven(breaker):
    breaker.failed()
    breaker.failed()
    assert breaker.closed()


def test_a_success_in_between_starts_the_count_again(breaker):
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.worked()
    assert breaker.closed()


def test_after_the_rest_one_probe_is_let_through(breaker, now):
    for _ in range(3):
        breaker.failed()
    now[0] = 1.9
    assert not breaker.closed()
    now[0] = 2.0
    assert breaker.closed()
    assert not breaker.closed()


def test_a_failed_probe_means_another_rest(breaker, now):
    for _ in range(3):
        breaker.failed()
    now[0] = 2.0
    assert breaker.closed()
    breaker.failed()
    now[0] = 3.9
    assert not breaker.closed()
    now[0] = 4.0
    assert breaker.closed()
