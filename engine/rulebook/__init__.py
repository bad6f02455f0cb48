"""Rule books: what marketing writes, read, checked and compiled before anything decides by it."""
