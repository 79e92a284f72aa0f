"""The house rules that a reader relies on: faces, light imports, documents that name what is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import embedstore
from api.cli import main

ROOT = Path(__file__).parents[2]


def test_the_public_face_is_sorted_and_whole():
    assert embedstore.__all__ == sorted(embedstore.__all__)
    for name in embedstore.__all__:
        assert getattr(embedstore, name) is not None
    with pytest.raises(AttributeError, match="nothing_here"):
        embedstore.nothing_here  # noqa: B018


def test_importing_embedstore_loads_neither_torch_nor_faiss():
    script = (
        "import sys, embedstore\n"
        "print(sorted({'torch', 'faiss', 'sqlalchemy', 'PIL', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", sorted(main.commands))
def test_the_readme_names_every_command(command):
    assert re.search(rf"[`\s]{command}\b", (ROOT / "README.md").read_text())


def test_every_link_in_the_documents_leads_somewhere():
    for document in ROOT.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (ROOT / target).exists(), f"{document.name}: {target}"


def test_files_stay_small_enough_to_read():
    for package in ("indexer", "embedstore", "api"):
        for path in (ROOT / package).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 250, path


def test_every_dependency_has_a_tested_pin():
    project = (ROOT / "pyproject.toml").read_text()
    named = re.findall(r'^  "([A-Za-z0-9_.-]+)', project, re.MULTILINE)
    pinned = {
        re.sub(r"[-_.]+", "-", line.split("==")[0]).lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    elsewhere = {"faiss-cpu", "pillow-heif"}  # other platforms; optional
    wanted = {re.sub(r"[-_.]+", "-", name).lower() for name in named} - elsewhere
    assert wanted <= pinned
