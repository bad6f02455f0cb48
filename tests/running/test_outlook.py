"""Outlook: what is worked out beforehand must mostly be of use."""

from engine.running.outlook import Outlook


def test_it_is_given_up_where_customers_change_and_taken_up_where_they_no_longer_do() -> None:
    outlook = Outlook()
    for _ in range(100):
        outlook.note(hit=False)
    assert not outlook.pays
    for _ in range(100):
        outlook.note(hit=True)
    assert outlook.pays


def test_one_in_ten_who_has_changed_is_no_reason_to_give_it_up() -> None:
    outlook = Outlook()
    for number in range(1_000):
        outlook.note(hit=number % 10 != 0)
        assert outlook.pays
