"""The same as with the tally, with the learner that serves."""

import random
from pathlib import Path

from engine.edges.state.embedded import Embedded, Limits
from engine.edges.state.rebuild import rebuild, recover
from engine.features import Feature, FeatureKind, FeatureSchema
from engine.learning.mind import Mind
from engine.model import (
    ActionId,
    CustomerId,
    DecisionId,
    Event,
    EventId,
    Exposure,
    PlacementId,
    Response,
)

SCHEMA = FeatureSchema(
    (
        Feature("customer.age", FeatureKind.NUMBER),
        Feature("customer.segment", FeatureKind.CATEGORY, ("mass", "vip")),
        Feature("customer.heavy_user", FeatureKind.FLAG),
    )
)


def responses(seed: int, count: int) -> list[Event]:
    chance = random.Random(seed)
    events = []
    for n in range(count):
        decided = chance.randrange(count // 2)
        features = [decided % 80, (None, "mass", "vip")[decided % 3], decided % 7 == 0]
        exposure = Exposure(
            DecisionId(f"d{decided}"),
            ActionId(f"a{decided % 4}"),
            f"g{decided % 2}",
            "web",
            PlacementId("web.home_hero"),
            decided,
            0.5,
            0.1,
            SCHEMA.digest,
            features,
        )
        outcome, reward = chance.choice([("impression", 0.0), ("click", 0.2), ("accept", 1.0)])
        body = Response(exposure, outcome, 0.0, reward)
        events.append(Event(EventId(f"{seed}.{n}"), CustomerId(f"c{decided % 9}"), n, body))
    return events


async def test_weights_after_restarts_are_those_of_the_log_byte_for_byte(tmp_path: Path) -> None:
    digests: list[str] = []
    for seed in range(3):
        mind = Mind()
        store = await Embedded.open(
            tmp_path,
            teach=mind.teach,
            register=mind.register,
            snapshot=mind.snapshot,
            restore=mind.restore,
            clock=lambda: 0,
            limits=Limits(checkpoint_entries=70, checkpoint_seconds=None),
        )
        assert [mind.learner.weights_digest()] == digests[-1:] or seed == 0
        await store.note_schema(SCHEMA.digest, SCHEMA.to_dict())
        await store.append(responses(seed, 150))
        await store.close()
        digests.append(mind.learner.weights_digest())
    anew, started = Mind(), Mind()
    rebuild(tmp_path, teach=anew.teach, register=anew.register)
    recover(tmp_path, teach=started.teach, register=started.register, restore=started.restore)
    assert anew.learner.version > 100
    assert anew.learner.weights_digest() == started.learner.weights_digest() == digests[-1]
