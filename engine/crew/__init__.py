"""The crew: several servers on one port, started by one parent that starts again whichever dies."""
