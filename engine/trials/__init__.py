"""Try: who is held out or in a standing experiment, by salted hash, and what experiments do otherwise."""
