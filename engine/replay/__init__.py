"""Replay: a recorded decision made again from its record and its rule book, and compared bit for bit."""
