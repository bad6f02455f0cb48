"""Run: what keeps a running engine sound: questions that wait, reloads, repeats, breakers, its parent and its memory."""
