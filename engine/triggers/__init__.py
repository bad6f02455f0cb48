"""Reach out: decisions that an event or the clock asks for, and what becomes of them."""
