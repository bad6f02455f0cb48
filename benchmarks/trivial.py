"""The floor of stream processing: a Faust agent that takes records out of a topic, and nothing else.

    python -m benchmarks.trivial BROKERS TOPIC GROUP

It commits and fetches with the settings of `attune worker`, and says when it begins.
"""

import asyncio
import signal
import sys

import faust
from faust.types import StreamT


async def follow(brokers: str, topic: str, group: str) -> None:
    """Follows the topic until the process is asked to stop."""
    app = faust.App(
        group,
        broker=f"kafka://{brokers}",
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        broker_commit_interval=0.5,
        broker_commit_every=1_000_000,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        autodiscover=False,
        debug=False,
    )

    async def count(stream: StreamT[bytes]) -> None:
        async for _ in stream:
            pass

    app.agent(app.topic(topic, value_type=bytes, key_type=bytes), concurrency=1)(count)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await app.start()
    print("follows", flush=True)
    await stop.wait()
    await app.stop()


if __name__ == "__main__":
    asyncio.run(follow(*sys.argv[1:]))
