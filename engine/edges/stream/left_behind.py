"""What servers that are no more have left in their spools: accepted, and still to be sent."""

import logging
from collections.abc import Collection
from pathlib import Path

from engine.edges.journal.database import DataDirectory
from engine.edges.kafka.address import Bootstrap
from engine.edges.kafka.log import KafkaLog
from engine.edges.kafka.publisher import Publisher
from engine.edges.kafka.spool import Spool
from engine.edges.state.names import SPOOL
from engine.errors import StorageError

log = logging.getLogger(__name__)


def left_behind(data: Path, used: Collection[Path]) -> list[Path]:
    """The folders of a data directory that hold a spool and belong to none of the servers now.

    A server on its own keeps its spool in the data directory, one of a crew in a folder there. Where
    there are fewer of them than before, or a crew where there was one, somebody else has to send it.
    """
    folders = [data, *sorted(data.glob("server-*"))]
    return [each for each in folders if each not in used and (each / SPOOL).is_file()]


async def send_left_behind(folders: Collection[Path], brokers: Bootstrap) -> None:
    """Sends what these folders' spools hold; waits for Kafka as long as that takes."""
    for folder in folders:
        try:
            await _send(folder, brokers)
        except StorageError as error:
            log.error("what was accepted in %s is not sent: %s", folder, error)  # noqa: TRY400


async def _send(folder: Path, brokers: Bootstrap) -> None:
    directory = DataDirectory(folder)
    try:
        kafka = KafkaLog(Publisher(brokers), Spool(folder / SPOOL))
        try:
            if kafka.backlog:
                log.warning("%d records that %s had accepted are sent", kafka.backlog, folder)
            await kafka.sent()
        finally:
            await kafka.close()
    finally:
        directory.close()
