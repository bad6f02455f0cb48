"""The traffic: visitors come one after the other, are shown something, and do what they like with it."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Final

import grpc

from engine.demo.arms import Arm
from engine.demo.client import Client
from engine.demo.ledger import Ledger, Sale
from engine.demo.visits import Visit
from engine.demo.world import Shown, World
from engine.model import ActionId, PlacementId
from engine.wire.decision_pb2 import DecideResponse

AT_ONCE: Final = 6
"""Visits under way at a time, over all arms."""


class Traffic:
    """Sends visitors to their arm's service and enters what comes of it into the ledger.

    A closed loop: a few visits are under way at a time, each arm's mixed with the others', so that
    a slow machine gets fewer visitors and no arm gets more of the processor than another.
    """

    def __init__(
        self, world: World, clients: Mapping[Arm, Client], ledger: Ledger, visits: Iterator[Visit]
    ) -> None:
        self._world = world
        self._clients = clients
        self._ledger = ledger
        self._visits = visits
        self._next = 0.0

    async def flow(self, seconds: float, rate: float) -> None:
        """Lets visitors come for `seconds`, at most `rate` a second."""
        end = time.monotonic() + seconds
        self._next = end - seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._visitors(end, 1.0 / rate))

    async def _visitors(self, end: float, pause: float) -> None:
        while (now := time.monotonic()) < end:
            self._next = max(self._next + pause, now)
            await asyncio.sleep(self._next - now)
            await self._visit(next(self._visits))

    async def _visit(self, visit: Visit) -> None:
        world, person = self._world, visit.person
        client, customer_id = self._clients[world.arms[person]], world.people[person].customer_id
        asked = time.perf_counter()
        try:
            decided = await client.decide(customer_id, visit)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                raise
            self._ledger.add_unanswered(person)
            return
        latency = time.perf_counter() - asked
        shown = shown_in(decided)
        reactions = world.react(visit, shown, time.time_ns() // 1_000)
        taken = [each for each in reactions if each.outcome == "accept"]
        self._ledger.add(
            Sale(
                person,
                world.takes_offers(shown),
                bool(taken),
                sum(each.money for each in taken),
                bool(decided.degraded),
                latency,
            )
        )
        if reactions:
            await client.record(customer_id, decided, reactions)
        for each in taken:
            news = world.learn_of(person, each.action_id)
            if news:
                await client.put({customer_id: news})


def shown_in(decided: DecideResponse) -> list[Shown]:
    """The offers of a decision in the order a customer meets them; fallbacks are none."""
    return [
        Shown(ActionId(offer.action_id), PlacementId(placed.placement))
        for placed in decided.placements
        if not placed.fallback
        for offer in placed.offers
    ]
