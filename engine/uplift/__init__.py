"""Uplift: what an offer changes, learned from a campaign that left some customers out by chance."""
