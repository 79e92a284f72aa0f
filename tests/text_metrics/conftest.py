import json
from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def golden() -> SimpleNamespace:
    """Captions with the scores that pycocoevalcap and sacrebleu give them."""
    path = Path(__file__).parents[1] / "golden" / "text_metrics.json"
    values = SimpleNamespace(**json.loads(path.read_text()))
    values.candidates = [item["candidate"] for item in values.items]
    values.references = [item["references"] for item in values.items]
    return values
