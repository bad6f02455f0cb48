from pathlib import Path

import pytest

from tests.health.living import directory


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory to be read only: six hundred visits over six days."""
    return directory(tmp_path_factory.mktemp("living"), 600)
