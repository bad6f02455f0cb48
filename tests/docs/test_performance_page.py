"""The page on performance, tried: its commands are there, and its limits can be read."""

import re
from importlib.util import find_spec
from pathlib import Path

from engine.bench.slo import parse
from engine.cli.bench import bench

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "performance.md").read_text()


def test_every_module_it_runs_is_there() -> None:
    named = set(re.findall(r"python -m ([\w.]+)", PAGE))
    assert named >= {"benchmarks.peers", "benchmarks.floor", "benchmarks.cold"}
    assert all(find_spec(name) for name in named)


def test_the_load_of_the_page_can_be_asked_for() -> None:
    options = set(
        re.findall(r"--([a-z-]+)", PAGE[PAGE.index("attune bench --server") :].partition("```")[0])
    )
    known = {name.replace("_", "-") for name in bench.__annotations__} | {"customers", "report"}
    assert options <= known
    [limits] = re.findall(r"--slo (\S+)", PAGE)
    assert [limit.name for limit in parse(limits)] == ["p99", "errors"]


def test_files_it_names_are_there() -> None:
    for name in re.findall(r"`(benchmarks/\w+\.py)`", PAGE):
        assert (ROOT / name).exists(), name
