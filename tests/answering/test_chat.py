"""A reply is read to the type or not at all."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.answering.chat import Reply, draft, parse, request
from embedstore.answering.types import Evidence, Prompt

SAID = {"answer": "a dog", "citations": [1], "found": True}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def test_a_reply_is_read():
    assert parse(json.dumps(SAID)) == Reply("a dog", (1,), None, True)
    assert parse("```\n" + json.dumps(SAID) + "\n```\n") == Reply("a dog", (1,), None, True)
    assert parse(json.dumps({**SAID, "answer": " a\n dog "})).answer == "a dog"


@pytest.mark.parametrize(
    "wrong",
    [
        {"answer": None},
        {"answer": 3},
        {"citations": "1"},
        {"citations": ["1"]},
        {"citations": [1.0]},
        {"citations": [True]},
        {"citations": None},
        {"found": "true"},
        {"found": 1},
        {"confidence": "0.5"},
        {"confidence": True},
        {"confidence": 1.5},
        {"confidence": float("nan")},
    ],
)
def test_types_are_strict(wrong):
    assert parse(json.dumps({**SAID, **wrong})) is None


@pytest.mark.parametrize("missing", sorted(SAID))
def test_nothing_may_be_missing(missing):
    assert parse(json.dumps({name: SAID[name] for name in SAID if name != missing})) is None


@given(st.fixed_dictionaries({"answer": JSON, "citations": JSON, "found": JSON}), st.integers(0, 4))
def test_any_reply_gives_a_draft_that_cites_only_what_was_shown(said, shown):
    made = draft(parse(json.dumps(said)), shown, None)
    assert len(made.support) == shown
    assert bool(made.text) or not any(made.support)
    assert made.log_probability <= 0
    assert set(made.signals) == set(draft(None, 0, None).signals)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    parse(text)


@given(st.text('<|>[]/INSTimage_end_s{}"\\ ', max_size=60))
def test_no_caption_can_write_a_mark_of_a_chat_template(text):
    told = request(Prompt((Evidence("k", (text,), 0.5),), text), ())
    assert not set("<>") & set(told)
    assert not re.search(r"\[/?[A-Z]", told)
    said = json.loads(told.split("\n", 1)[1])  # and a model reads what was written
    assert (said["question"], said["neighbours"][0]["texts"]) == (text, [text])
