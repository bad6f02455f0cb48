"""Health: how well the models and the decisions of a service did lately, told from its data directory."""
