"""Simulate: what another rule book would have done with logged traffic, before it goes live.

Each logged decision is made again, by the new book, for the customer as they were known at its time
(`moments`, `replay`); what the first slot's offer would have earned is estimated from what was offered
then (`first_slot`, `engine.evaluation`), and counts say what changes for whom (`outlook`). `simulate`
tells it in one function.
"""
