"""The caps edge: what is in use of every cap, on disk before anybody may have it."""
