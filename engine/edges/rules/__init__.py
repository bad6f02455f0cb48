"""The rules edge: a book's directory watched, compiled in a process of its own, the last good one kept."""
