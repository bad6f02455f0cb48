"""Run: what keeps a running engine sound: reloads, repeats, breakers, its parent and its memory."""
