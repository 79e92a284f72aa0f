"""The public face: sorted, complete, and cheap to import."""

import subprocess
import sys

import indexer


def test_the_face_is_sorted_and_there() -> None:
    assert indexer.__all__ == sorted(indexer.__all__)
    assert all(hasattr(indexer, name) for name in indexer.__all__)


def test_importing_loads_no_faiss() -> None:
    code = "import sys, indexer; sys.exit('faiss' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
