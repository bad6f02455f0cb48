"""What the README tells a newcomer to do, done."""

import re
import subprocess
import sys
from pathlib import Path

from tests.service import serving

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def block(language: str, containing: str) -> str:
    """The code block that contains these words."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(text for text in blocks if containing in text)


def test_a_client_is_generated_and_asks_for_an_offer(tmp_path):
    generate = next(
        line
        for line in block("sh", "grpc_tools.protoc").splitlines()
        if line.startswith("python -m grpc_tools.protoc")
    )
    here = f"--python_out={tmp_path} --grpc_python_out={tmp_path}"
    command = generate.replace("--python_out=. --grpc_python_out=.", here)
    command = command.replace("python ", f"{sys.executable} ", 1)
    subprocess.run(command, shell=True, check=True, cwd=ROOT)
    with serving(ROOT / "rules/telecom", tmp_path / "data") as service:
        subprocess.run(
            [
                *(sys.executable, "-m", "engine", "import", "customers"),
                *("examples/customers.csv", "--server", service.address),
            ],
            check=True,
            cwd=ROOT,
        )
        client = block("python", "DecisionServiceStub").replace("127.0.0.1:50051", service.address)
        client = client.replace("timeout=0.1", "timeout=10")  # the machine that tests may be busy
        ran = subprocess.run(
            [sys.executable, "-c", client],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()


def test_the_rules_explain_themselves_as_shown():
    command = next(c for c in block("sh", "attune explain").splitlines() if "explain" in c)
    words = command.removeprefix(".venv/bin/attune ").split()
    ran = subprocess.run(
        [sys.executable, "-m", "engine", *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert ran.returncode == 0, ran.stderr
    shown = re.search(r"```\n(  out  save_discount\n.*?)```", README, re.DOTALL)
    assert shown is not None
    assert shown[1] in ran.stdout


def test_every_page_and_folder_it_links_to_is_there():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_make_target_it_names_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
    assert named <= targets
    assert named >= {"demo", "test", "bench"}
