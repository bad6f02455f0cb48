"""Rule books with planted mistakes: a small valid book in `base/`, and a table of single edits."""
