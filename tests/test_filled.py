from pathlib import Path

import pytest

from benchmarks import filled, workloads
from engine.edges.state.rebuild import digest, rebuild, recover
from engine.engine import open_engine
from engine.learning.mind import Mind
from engine.model import CustomerId
from engine.settings import Settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("filled")
    filled.fill(place, 1_040, 20, lambda: None)
    return place


def test_what_is_filled_in_is_what_the_log_tells(folder: Path) -> None:
    kept, anew = Mind(), Mind()
    data = folder / "data"
    found = recover(data, teach=kept.teach, register=kept.register, restore=kept.restore)
    told = rebuild(data, teach=anew.teach, register=anew.register)
    assert len(found.customers) == 1_040
    assert found.seq == told.seq
    assert digest(found.customers.values()) == digest(told.customers.values())
    assert kept.digest() == anew.digest()


async def test_a_service_starts_with_everybody_and_a_model_that_has_learned(folder: Path) -> None:
    settings = Settings.of({}, rules=folder / "book", data=folder / "data", watch=False)
    async with open_engine(settings) as engine:
        for who, attributes in list(workloads.profiles(1_040, seed=9))[-3:]:
            customer = await engine.customer(CustomerId(who))
            assert customer is not None
            assert customer.attributes == attributes
        first = await engine.customer(CustomerId("customer-0"))
        assert first is not None
        assert first.touches


def test_it_is_filled_once(folder: Path) -> None:
    counted = []
    before = (folder / "data/journal.db").stat().st_mtime_ns
    filled.fill(folder, 1_040, 20, lambda: counted.append(1))
    assert not counted
    assert (folder / "data/journal.db").stat().st_mtime_ns == before


def test_more_customers_than_the_disk_has_room_for_are_not_begun(tmp_path: Path) -> None:
    with pytest.raises(filled.NoRoom, match="customers take"):
        filled.fill(tmp_path / "many", 10**12, 20, lambda: None)
    assert not list((tmp_path / "many").iterdir())
