"""The command line as a whole: its help, its lazy loading, its errors."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli import COMMANDS
from tests.cli.conftest import ROOT, Attune


def test_help_lists_every_command_there_is(attune: Attune) -> None:
    ran = attune("--help")
    assert ran.returncode == 0
    for name, (module, summary) in COMMANDS.items():
        there = (ROOT / f"engine/cli/{module}.py").exists() or (
            ROOT / f"engine/cli/{module}"
        ).is_dir()
        assert (summary in ran.stdout) == there, name


@pytest.mark.parametrize("name", [n for n in COMMANDS if n in {"serve", "decide", "record"}])
def test_every_command_has_help_with_an_example(attune: Attune, name: str) -> None:
    ran = attune(name, "--help")
    assert ran.returncode == 0
    assert f"Example: attune {name} " in " ".join(ran.stdout.split())


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['attune', '--help']\n"
        "from engine.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'grpc', 'numpy', 'polars', 'river', 'structlog', 'google.protobuf'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_unknown_command_is_a_usage_error(attune: Attune) -> None:
    ran = attune("decied")
    assert ran.returncode == 2
    assert "decide" in ran.stderr


def test_a_setting_that_cannot_be_read_is_one_line(attune: Attune) -> None:
    ran = attune("serve", "--listen", "here", ATTUNE_GRACE="soon")
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "listen: 'here' is no HOST:PORT" in ran.stderr
    assert "ATTUNE_GRACE" in ran.stderr


def test_a_package_that_is_missing_fails_only_its_own_command(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['grpc'] = None; sys.argv = ['attune', *sys.argv[1:]]\n"
        "from engine.cli import main; main()"
    )

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run("--help").returncode == 0
    failed = run("decide", "anna", "web.banner")
    assert failed.returncode == 2
    assert failed.stderr.startswith("attune: decide cannot start, because a package it needs is")


def test_the_version_is_told(attune: Attune) -> None:
    ran = attune("--version")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.fullmatch(r"attune (\d+\.\d+\.\d+|\(not installed\))\n", ran.stdout)


def test_ctrl_c_while_a_command_loads_is_one_line() -> None:
    code = (
        "import sys, signal, importlib.abc\n"
        "class Interrupt(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'numpy': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "sys.argv = ['attune', 'demo']\n"
        "from engine.cli import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (130, "attune: interrupted\n")
