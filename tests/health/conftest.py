from pathlib import Path

import pytest

from tests.health.living import directory


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory to be read only: two thousand visits, a model that learned from them."""
    return directory(tmp_path_factory.mktemp("living"))
