"""Lines that ask: each becomes an item of its own, with its answers as metadata."""

import json
from pathlib import Path

import pytest

from embedstore.corpus import Entry, Failure, read


def lines(folder: Path, *told: object) -> Path:
    path = folder / "asked.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in told))
    return path


def entries(path: Path) -> list[Entry]:
    found = list(read(path).entries)
    assert all(isinstance(each, Entry) for each in found), found
    return found


def test_questions_about_one_picture_are_items_of_their_own(tmp_path: Path) -> None:
    path = lines(
        tmp_path,
        {"image": "a.jpg", "question": "what is it", "answers": ["a desk", "desk"], "room": 3},
        {"image": "a.jpg", "question": "how many", "answer": 2},
        {"image": "a.jpg", "caption": "a desk"},
    )
    one, two, three = entries(path)
    assert (one.image, one.texts) == (tmp_path / "a.jpg", ("what is it",))
    assert one.meta == {"room": 3, "answers": ["a desk", "desk"]}
    assert two.meta == {"answers": ["2"]}
    assert one.key.startswith("asked/a.jpg#")
    assert len({one.key, two.key, three.key}) == 3
    assert three.key == "asked/a.jpg"
    assert [each.key for each in entries(path)] == [one.key, two.key, three.key]


def test_a_question_needs_no_picture_and_no_key(tmp_path: Path) -> None:
    path = lines(
        tmp_path,
        {"question": "when do you open", "answer": "At nine."},
        {"question": "when do you close", "answer": "At six.", "key": "closing"},
    )
    one, two = entries(path)
    assert (one.image, one.texts, one.meta) == (
        None,
        ("when do you open",),
        {"answers": ["At nine."]},
    )
    assert two.key == "closing"
    assert entries(path)[0].key == one.key


def test_an_identical_line_is_told_and_others_stay(tmp_path: Path) -> None:
    line = {"image": "a.jpg", "question": "what is it", "answer": "desk"}
    _, repeated, other = read(lines(tmp_path, line, line, {**line, "answer": "table"})).entries
    assert isinstance(repeated, Failure)
    assert isinstance(other, Entry)


@pytest.mark.parametrize(
    "line",
    [
        {"question": "why", "key": "k", "caption": "words"},
        {"question": "why", "answers": [{"answer": "x"}], "key": "k", "caption": "words"},
        {"question": 3, "answer": "x", "key": "k", "caption": "words"},
        {"question": " ", "answer": "x", "key": "k", "caption": "words"},
    ],
)
def test_what_is_no_question_with_answers_stays_metadata(line, tmp_path: Path) -> None:
    (entry,) = entries(lines(tmp_path, line))
    assert entry.texts == ("words",)
    assert entry.meta == {name: line[name] for name in line if name not in ("key", "caption")}


def test_a_table_of_questions(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("question,answer,topic\nwhen do you open,At nine.,hours\nwhat size,007,shoes\n")
    one, two = entries(path)
    assert one.texts == ("when do you open",)
    assert one.meta == {"answers": ["At nine."], "topic": "hours"}
    assert two.meta["answers"] == ["007"]


def test_daquar_is_read_whole(shared_data: Path) -> None:
    found = list(read(shared_data / "daquar" / "qa_train.jsonl").entries)
    assert sum(isinstance(each, Entry) for each in found) > 6_600  # identical lines are told
