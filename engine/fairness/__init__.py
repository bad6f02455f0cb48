"""Fairness: whether some customers are offered, or take, less than others, by what nothing may be decided by."""
