"""The files of the state in a data directory."""

from typing import Final

JOURNAL: Final = "journal.db"
"""The log, and the last checkpoint."""

DECISIONS: Final = "decisions.db"
"""The log of decisions."""

CAPS: Final = "caps.db"
"""What is in use of every cap."""

OFFERS: Final = "offers.db"
"""What triggers offered, for those who send it."""

SPOOL: Final = "spool.db"
"""What a cluster's server accepted while Kafka is away."""
