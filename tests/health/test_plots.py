"""Plots are really drawn, and the page holds them."""

import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import InvalidInput, StorageError
from engine.health import plots
from engine.health.findings import Finding
from engine.health.health import health
from engine.health.limits import Severity
from engine.health.page import page

PNG = b"\x89PNG\r\n\x1a\n"


def test_every_plot_is_a_picture_and_on_the_page(data: Path, tmp_path: Path) -> None:
    drawn = plots.draw(health(data), tmp_path / "plots")
    assert [path.name for path in drawn] == [
        "models.png",
        "calibration.png",
        "gains.png",
        "reliability.png",
        "health.html",
    ]
    *pictures, whole = drawn
    assert all(picture.read_bytes().startswith(PNG) for picture in pictures)
    text = whole.read_text(encoding="utf-8")
    inside = re.findall(r"data:image/png;base64,([^\"]+)", text)
    assert [b64decode(one) for one in inside] == [picture.read_bytes() for picture in pictures]
    assert "young on web" in text
    assert "http" not in text


def test_without_responses_there_is_a_page_and_no_picture(data: Path, tmp_path: Path) -> None:
    nothing = health(data, since=2**62)
    [whole] = plots.draw(nothing, tmp_path)
    assert "No decisions are kept of this time" in whole.read_text(encoding="utf-8")


def test_no_name_is_taken_for_html(data: Path) -> None:
    sly = Finding("sly", Severity.WARNING, "<script>alert()</script>")
    text = page(replace(health(data), findings=(sly,)), [])
    assert "&lt;script&gt;" in text
    assert "<script>" not in text


def test_without_the_library_it_is_said_what_to_install(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match=r"pip install 'attune\[plots\]'"):
        plots.draw(health(data), tmp_path)
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written_it_is_said(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        plots.draw(health(data), file)
