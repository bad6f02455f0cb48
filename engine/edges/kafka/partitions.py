"""Which partition of a topic a record lies in."""

from typing import Final

from aiokafka.partitioner import DefaultPartitioner

partition_of: Final = DefaultPartitioner()
"""Where a record of a key goes, of these partitions: as producers choose it unless they are told."""
