"""Uplift: what an offer changes.

For served decisions (`observing` → `online` → `serving`) it is learned lesson by lesson from customers
who were shown a measured action and from those a holdout kept it from; for a campaign of the past
(`campaign` → `learner` → `backtest`) in one pass from customers it left out by chance.
"""
