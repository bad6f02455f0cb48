import asyncio
import shutil
import tempfile
from copy import deepcopy
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import decode_customer
from engine.edges.state.checkpoint import Picture
from engine.edges.state.embedded import Limits
from engine.model import (
    ActionId,
    Customer,
    CustomerId,
    DecisionId,
    Event,
    EventId,
    EventStatus,
    PlacementId,
    Touch,
)
from engine.topology import apply
from tests.edges.state.tally import Tally, rebuilt, recovered, store_at
from tests.happenings import exposure, response, update


def test_a_picture_holds_customers_as_they_were_when_it_was_taken() -> None:
    customers = {CustomerId(i): Customer(CustomerId(i), {"age": 40}) for i in "abc"}
    picture = Picture(7, b"model", dict(customers))
    assert not picture.encode_some(lambda: True)
    for customer in customers.values():
        picture.before_change(customer)
        apply(customer, update(customer.customer_id, age=41))
        picture.before_change(customer)
    assert picture.encode_some(lambda: True)
    checkpoint = picture.checkpoint()
    assert (checkpoint.seq, checkpoint.model) == (7, b"model")
    assert {i: decode_customer(body).attributes for i, body in checkpoint.customers} == {
        CustomerId(i): {"age": 40} for i in "abc"
    }


def test_a_customer_who_changes_while_being_encoded_is_kept_as_they_were() -> None:
    ada = Customer(CustomerId("ada"), {"age": 40})
    ada.touches = [
        Touch(DecisionId(f"d{at:04}"), ActionId("a"), "web", PlacementId("p"), at)
        for at in range(950)
    ]
    before = deepcopy(ada)
    picture = Picture(7, b"model", {ada.customer_id: ada})
    for _ in range(3):
        assert not picture.encode_some(lambda: True)
    picture.before_change(ada)
    ada.touches.clear()
    picture.before_change(ada)
    assert picture.encode_some(lambda: True)
    ((_, body),) = picture.checkpoint().customers
    assert decode_customer(body) == before


# What may happen, in any order: a batch of events appended, a customer looked at, a checkpoint
# begun, some turns of the event loop, the power cut.
events = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), min_size=1, max_size=12)
happenings = st.lists(
    st.one_of(
        events,
        st.sampled_from(["load", "checkpoint", "cut", "settle"]),
        st.integers(1, 6),
    ),
    max_size=25,
)


def event(number: int, customer: int) -> Event:
    offer = exposure(f"d{number // 3}.{customer}", at=number // 3)
    outcome, reward = (("impression", 0.0), ("click", 0.2), ("accept", 1.0))[number % 3]
    return response(
        f"e{number}.{customer}", f"c{customer}", outcome=outcome, reward=reward, at=number, to=offer
    )


async def live(root: Path, story: list[object]) -> list[tuple[Path, set[EventId]]]:
    """Lets the story happen; returns copies of the files as they were at each cut, and what had been
    acknowledged by then.
    """
    acknowledged: set[EventId] = set()
    cuts: list[tuple[Path, set[EventId]]] = []
    limits = Limits(customers=2, checkpoint_entries=9, checkpoint_seconds=None, slice_seconds=0.0)
    async with store_at(root / "data", Tally(), limits) as store:

        async def tell(batch: list[Event]) -> None:
            for sent, status in zip(batch, await store.append(batch), strict=True):
                assert status in {EventStatus.ACCEPTED, EventStatus.DUPLICATE}
                acknowledged.add(sent.event_id)

        under_way: list[asyncio.Future[object]] = []
        for step in story:
            match step:
                case list():
                    under_way.append(asyncio.ensure_future(tell([event(*pair) for pair in step])))
                case int():
                    for _ in range(step):
                        await asyncio.sleep(0)
                case "load":
                    under_way.append(asyncio.ensure_future(store.load(CustomerId("c0"))))
                case "checkpoint":
                    under_way.append(asyncio.ensure_future(store.checkpoint()))
                case "settle":
                    await store.settled()
                case _:
                    copy = root / f"cut{len(cuts)}"
                    known = set(acknowledged)
                    shutil.copytree(root / "data", copy, ignore=shutil.ignore_patterns("*-shm"))
                    cuts.append((copy, known))
        await asyncio.gather(*under_way)
        cuts.append((root / "data", acknowledged))
    return cuts


@settings(max_examples=40, deadline=None)
@given(happenings)
def test_a_cut_at_any_moment_leaves_one_consistent_state(story: list[object]) -> None:
    with tempfile.TemporaryDirectory() as root:
        for path, acknowledged in asyncio.run(live(Path(root), story)):
            from_log, learned = rebuilt(path)
            from_checkpoint, learned_since = recovered(path)
            assert from_checkpoint == from_log
            assert learned_since == learned
            told = {
                f"e{outcome_time}.{customer.customer_id[1:]}"
                for customer in from_log.customers.values()
                for touch in customer.touches
                for outcome_time, _ in touch.outcomes.values()
            }
            assert acknowledged <= told
