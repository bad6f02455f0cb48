"""Explore: chance enters the choice, each choice with its exact probability, and none costs too much."""
