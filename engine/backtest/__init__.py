"""Backtest: what the model would have made of somebody's past, read from the tables they bring."""
