"""Attune, the real-time next-best-action engine: `ls` this folder and read the journey of one decision.

know the customer (`customer`) → filter (`rulebook`, `eligibility`) → score (`features`, `propensity`)
→ arbitrate (`arbitration`) → place (`exploration`, `placement`): told in one function, `decide`.
What comes back is joined, applied and learned by `respond`, `topology` and `learn`.
"""
