"""The page: findings and plots in one file of HTML that needs nothing else, to be sent or kept."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from engine.health.findings import Finding
from engine.health.health import Health
from engine.health.telling import sentence, told

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid #ddd; padding: .4rem .6rem; vertical-align: top; }
pre { overflow-x: auto; font-size: 12px; }
img { max-width: 100%; }
.critical { color: #b3261e; font-weight: bold; } .warning { color: #94600f; } .good { color: #2f7d4f; }
"""


def page(health: Health, pictures: Sequence[tuple[str, Path]]) -> str:
    """The page, with pictures (title and PNG file) inside."""
    rows = "\n".join(map(_row, health.findings))
    drawn = "\n".join(_picture(title, path) for title, path in pictures)
    return (
        "<!doctype html>\n"
        f'<html lang="en"><meta charset="utf-8"><title>{escape(sentence(health))}</title>'
        f"<style>{_STYLE}</style>\n<h1>{escape(sentence(health))}</h1>\n<table>\n{rows}\n</table>\n"
        f"{drawn}\n<h2>In full</h2>\n<pre>{escape(told(health))}</pre>\n</html>\n"
    )


def _row(finding: Finding) -> str:
    limit = "" if finding.limit is None else str(finding.limit)
    return (
        f'<tr><td class="{escape(finding.severity.replace(" ", "-"))}">{escape(finding.severity)}</td>'
        f"<td>{escape(finding.text)}</td><td>{escape(limit)}</td></tr>"
    )


def _picture(title: str, path: Path) -> str:
    content = b64encode(path.read_bytes()).decode()
    return f'<h2>{escape(title)}</h2>\n<img alt="{escape(title)}" src="data:image/png;base64,{content}">'
