"""WUPS by hand-computed values, by its laws, and by WordNet where that is installed."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.errors import Invalid
from embedstore.text_metrics import vqa_accuracy, wordnet_similarity, wups

_DEBIAN = Path("/usr/share/wordnet")
_KNOWN = {frozenset({"chair", "armchair"}): 0.95, frozenset({"chair", "table"}): 0.8}
WORDS = st.lists(st.sampled_from(["chair", "table", "armchair", "lamp"]), min_size=1, max_size=3)


def made(one: str, other: str) -> float:
    return _KNOWN.get(frozenset({one, other}), 0.0)


def test_values_by_hand():
    assert wups("armchair", ["chair"], made) == pytest.approx(0.95)
    assert wups("table", ["chair"], made) == pytest.approx(0.08)
    assert wups("table", ["chair"], made, least=0) == pytest.approx(0.8)
    assert wups("chair", ["chair, table"], made) == pytest.approx(0.08)
    assert wups("table, armchair", ["chair, table"], made) == pytest.approx(0.95)
    assert wups("lamp", ["chair", "lamp"], made) == 1


def test_what_is_empty_scores_nothing_and_nothing_to_compare_with_is_refused():
    assert wups(" , ", ["chair"], made) == 0
    assert wups("chair", [" "], made) == 0
    with pytest.raises(Invalid, match="expected one or more"):
        wups("chair", [], made)


@given(WORDS, WORDS)
def test_it_is_symmetric_and_no_lower_than_equality(said, right):
    one, other = ", ".join(said), ", ".join(right)
    score = wups(one, [other], made)
    assert 0 <= score <= 1
    assert score == pytest.approx(wups(other, [one], made))
    assert score >= (set(said) == set(right))
    assert score >= vqa_accuracy(one, [other])


@pytest.fixture
def wordnet(tmp_path, monkeypatch):
    """WordNet as nltk's downloader lays it down, from the files of Debian's wordnet-base."""
    data = pytest.importorskip("nltk.data")
    if not _DEBIAN.exists():
        pytest.skip(f"no WordNet in {_DEBIAN}; apt install wordnet-base")
    shutil.copytree(_DEBIAN, tmp_path / "corpora" / "wordnet")
    named = (f"{number:02}\tname{number}\t1" for number in range(45))
    (tmp_path / "corpora" / "wordnet" / "lexnames").write_text("\n".join(named))
    monkeypatch.setattr(data, "path", [str(tmp_path)])


def test_wordnet_says_which_things_are_near(wordnet):
    near = wordnet_similarity()
    assert near("dog", "cat") == pytest.approx(0.857, abs=1e-3)  # as nltk documents it
    assert wups("bookshelves", ["shelf"], near) > 0.9
    assert wups("garbage_bin", ["fridge"], near) < 0.1
    assert near("zzxxq", "dog") == 0


def test_what_is_missing_is_said(monkeypatch):
    if importlib.util.find_spec("nltk") is not None:
        monkeypatch.setattr("nltk.data.path", [])
    with pytest.raises(Invalid, match=r"pip install|nltk.downloader wordnet"):
        wordnet_similarity()
