from engine.deadline import Budget, Pace


def test_a_budget_runs_down_and_below_zero():
    now = [10.0]
    budget = Budget(10.5, lambda: now[0])
    assert budget.left() == 0.5
    now[0] = 11.0
    assert budget.left() == -0.5


def test_a_step_that_got_slow_needs_more_time_and_is_forgiven_in_time():
    pace = Pace(first_guess=0.001, reply=0.0)
    assert pace.allows(0.01)
    pace.took(1.0)
    assert not pace.allows(0.05)
    for _ in range(200):
        pace.took(0.001)
    assert pace.allows(0.01)
