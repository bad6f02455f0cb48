"""The demo: the whole loop on one machine, with simulated customers whose tastes nobody tells the engine."""
