"""Learn: the models of a log held together, what they read, how it is encoded, and whether it can be trusted."""
