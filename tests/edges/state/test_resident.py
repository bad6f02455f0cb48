import gc
import tracemalloc
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from benchmarks import workloads
from engine.codec import decode_customer, encode_customer
from engine.edges.state.resident import Resident
from engine.model import Customer, CustomerId
from engine.topology import apply
from tests.happenings import interaction, response, update

ADA, BOB, CYD = (CustomerId(name) for name in ("ada", "bob", "cyd"))


def somebody(name: str) -> Customer:
    customer = Customer(CustomerId(name))
    for entry in (
        update(name, at=5, age=40, usage=0.1, plan="M"),
        response("e1", name, outcome="click", reward=0.2, at=7),
        interaction("i1", name, at=9),
    ):
        apply(customer, entry)
    return customer


def test_who_was_at_rest_is_the_customer_they_were() -> None:
    resident, ada = Resident(room=9, at_hand=1), somebody("ada")
    resident.take(ada)
    resident.take(somebody("bob"))
    again = resident.known(ADA)
    assert again is not ada
    assert again == ada
    assert again.revision == ada.revision


def test_who_is_at_hand_stays_one_object() -> None:
    resident, ada = Resident(room=9, at_hand=2), somebody("ada")
    resident.take(ada)
    resident.take(somebody("bob"))
    assert resident.known(ADA) is ada
    resident.take(somebody("cyd"))
    assert resident.known(ADA) is ada


def test_who_is_held_is_neither_laid_to_rest_nor_dropped() -> None:
    resident, ada = Resident(room=2, at_hand=1), somebody("ada")
    resident.hold(ADA)
    resident.take(ada)
    for name in ("bob", "cyd", "dan", "eve"):
        resident.take(somebody(name))
    assert resident.known(ADA) is ada
    resident.let_go(ADA)
    for name in ("bob", "cyd", "dan", "eve"):
        resident.take(somebody(name))
    assert ADA not in resident


def test_what_changed_while_held_is_laid_to_rest_as_it_is_now() -> None:
    resident = Resident(room=9, at_hand=1)
    resident.take(somebody("ada"))
    resident.take(somebody("bob"))
    taken_up = resident.known(ADA)
    resident.hold(ADA)
    assert taken_up is not None
    apply(taken_up, update("ada", at=20, age=41))
    resident.let_go(ADA)
    resident.take(somebody("cyd"))
    again = resident.known(ADA)
    assert again is not taken_up
    assert again == taken_up


def test_those_longest_at_rest_are_dropped_first() -> None:
    resident = Resident(room=2, at_hand=1)
    for name in ("ada", "bob", "cyd"):
        resident.take(somebody(name))
    assert ADA not in resident
    assert BOB in resident
    assert CYD in resident
    assert len(resident) == 2


def test_a_room_for_fewer_than_may_be_at_hand_is_kept_to() -> None:
    resident = Resident(room=2, at_hand=100)
    for n in range(10):
        resident.take(somebody(f"c{n}"))
    assert len(resident) == 2


def test_whoever_asks_is_answered_before_others_are_laid_to_rest_for_it() -> None:
    waiting: list[Callable[[], None]] = []
    resident = Resident(room=9, at_hand=2, later=waiting.append)
    people = {name: somebody(name) for name in ("ada", "bob", "cyd", "dan")}
    for one in people.values():
        resident.take(one)
    assert resident.known(ADA) is resident.known(ADA)
    assert resident.known(BOB) is resident.known(BOB)
    assert resident.known(CYD) is people["cyd"]
    (rest,) = waiting
    rest()
    assert resident.known(CYD) is people["cyd"]
    assert resident.known(BOB) == people["bob"]
    assert resident.known(ADA) == people["ada"]
    assert len(waiting) == 2


def test_once_all_are_let_go_little_by_little_the_bounds_hold_again() -> None:
    resident = Resident(room=20, at_hand=5)
    names = [CustomerId(f"c{n}") for n in range(100)]
    for name in names:
        resident.hold(name)
        resident.take(somebody(name))
    assert len(resident) == 100
    for name in names:
        resident.let_go(name)
    steps = 0
    while not resident.rest_some(10):
        steps += 1
    assert len(resident) == 20
    assert steps >= 8


def test_with_everybody_held_a_step_comes_to_its_end() -> None:
    resident = Resident(room=1, at_hand=1)
    for name in (ADA, BOB, CYD):
        resident.hold(name)
        resident.take(somebody(name))
    assert not resident.rest_some(50)
    assert len(resident) == 3


def test_a_customer_of_26_attributes_at_rest_takes_1300_bytes_at_most() -> None:
    resident, count = Resident(room=5_000, at_hand=10), 3_000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for name, attributes in workloads.profiles(count):
            resident.take(Customer(CustomerId(name), attributes, updated_at=1))
        gc.collect()
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(resident) == count
    assert (now - before) / count <= 1_300


Deed = tuple[str, int]
deeds = st.lists(
    st.tuples(st.sampled_from(["ask", "hold", "change", "let go", "rest"]), st.integers(0, 6)),
    max_size=80,
)


@given(deeds, st.integers(1, 5), st.integers(1, 8))
def test_whatever_happens_nothing_is_lost_and_nobody_is_there_twice(
    happened: list[Deed], at_hand: int, room: int
) -> None:
    resident = Resident(room, at_hand)
    disk = {CustomerId(f"c{n}"): encode_customer(somebody(f"c{n}")) for n in range(7)}
    truth = {name: decode_customer(body) for name, body in disk.items()}
    held: dict[CustomerId, Customer] = {}

    def at_hand_now(name: CustomerId) -> Customer:
        customer = resident.known(name)
        if customer is None:
            customer = decode_customer(disk[name])
            resident.take(customer)
        assert customer is held.get(name, customer)
        return customer

    for at, (deed, n) in enumerate(happened):
        name = CustomerId(f"c{n}")
        if deed == "ask":
            assert at_hand_now(name) == truth[name]
        elif deed == "hold" and name not in held:
            resident.hold(name)
            held[name] = at_hand_now(name)
        elif deed == "change" and name in held:
            change = update(name, at=100 + at, age=at)
            apply(held[name], change)
            apply(truth[name], change)
        elif deed == "let go" and name in held:
            disk[name] = encode_customer(held.pop(name))
            resident.let_go(name)
        elif deed == "rest":
            resident.rest_some(n)
    for name, expected in truth.items():
        assert at_hand_now(name) == expected
        assert at_hand_now(name).revision == expected.revision
