"""Caps and budgets: how many offers, and how much money, in a day, a week, a month, in total.

A cap (`engine.rulebook.cap`) has an account for each of its periods. An offer reserves its share when
the decision is made, keeps it once it is known to be shown, and gives it back if that is not known in
time. What is scarce has a price (`price`), so that it goes to those for whom it is worth most.
"""
