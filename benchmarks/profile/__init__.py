"""The profile: where the processor time of a question goes in a live server, and what that limits."""
