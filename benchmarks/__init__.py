"""Latency, measured side by side: the decision against the floor it stands on."""
