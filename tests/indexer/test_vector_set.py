"""What a vector set refuses, what an empty one answers, and readers beside writers."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from indexer import (
    NO_ID,
    BadVectors,
    CorruptSnapshot,
    FaissIndex,
    FlatIndex,
    IndexSpec,
    Published,
    VectorSet,
    build,
)
from indexer import segment as segments

Maker = Callable[..., np.ndarray]

DIM = 8


def extend(held: VectorSet, ids: Sequence[int], rows: np.ndarray, seq: int) -> None:
    """Tell the rows of one commit."""
    held.apply(ids, rows, [seq] * len(ids), [], [], seq)


def remove(held: VectorSet, ids: Sequence[int], seq: int) -> None:
    """Tell the removals of one commit."""
    held.apply([], np.empty((0, held.dim)), [], ids, [seq] * len(ids), seq)


@pytest.fixture
def filled(unit_rows: Maker) -> VectorSet:
    held = VectorSet(DIM)
    extend(held, [3, 4, 4, 9], unit_rows(4, DIM), 1)
    return held


def test_an_empty_set_answers_nobody() -> None:
    answer = VectorSet(DIM).search(np.ones((2, DIM)), 3)
    assert answer.ids.tolist() == [[NO_ID] * 3] * 2
    assert answer.parts.tolist() == [[-1] * 3] * 2
    assert np.isneginf(answer.scores).all()


def test_a_set_whose_ids_are_all_removed_answers_nobody(filled: VectorSet) -> None:
    remove(filled, [3, 4, 9], 2)
    assert (filled.search(np.ones((1, DIM)), 3).ids == NO_ID).all()
    assert (len(filled), filled.live_ids().tolist()) == (0, [])


def test_no_queries_have_no_answers(filled: VectorSet) -> None:
    assert filled.search(np.empty((0, DIM)), 3).ids.shape == (0, 3)


@pytest.mark.parametrize(
    ("queries", "k", "words"),
    [
        (np.ones((1, DIM)), 0, "k is 0, expected at least 1"),
        (np.ones((1, DIM)), -4, "k is -4"),
        (np.ones((1, DIM + 1)), 3, rf"shape \(1, {DIM + 1}\), expected \(n, {DIM}\)"),
        (np.ones(DIM), 3, "shape"),
        (np.full((1, DIM), np.nan), 3, "row 0 holds NaN"),
        (np.full((1, DIM), np.inf), 3, "infinity"),
    ],
)
def test_bad_queries_are_refused(
    filled: VectorSet, queries: np.ndarray, k: int, words: str
) -> None:
    with pytest.raises(BadVectors, match=words):
        filled.search(queries, k)


@pytest.mark.parametrize(
    ("ids", "rows", "words"),
    [
        ([10], np.ones((1, DIM + 1)), "shape"),
        ([10], np.full((1, DIM), np.nan), "NaN"),
        ([10], np.ones((1, DIM)), "norm 2.8284, expected 1"),
        ([10, 11], np.eye(DIM)[:1], r"expected integers of shape \(1,\)"),
        ([1.5], np.eye(DIM)[:1], "expected integers"),
        ([11, 10], np.eye(DIM)[:2], "ascend"),
        ([-5], np.eye(DIM)[:1], "start at -5"),
        ([9], np.eye(DIM)[:1], "id 9 was added after 9"),
    ],
)
def test_bad_rows_are_refused_and_change_nothing(
    filled: VectorSet, ids: list[int], rows: np.ndarray, words: str
) -> None:
    with pytest.raises(BadVectors, match=words):
        extend(filled, ids, rows, 2)
    assert (len(filled), filled.seq) == (4, 1)


def test_removals_need_a_commit_each(filled: VectorSet) -> None:
    with pytest.raises(BadVectors, match="one seq for each id"):
        filled.apply([], np.empty((0, DIM)), [], [3, 4], [2], 2)


def test_a_filter_must_ascend(filled: VectorSet) -> None:
    with pytest.raises(BadVectors, match="ascend"):
        filled.search(np.ones((1, DIM)), 1, np.array([4, 3]))


def test_parts_count_the_vectors_of_an_id(filled: VectorSet, unit_rows: Maker) -> None:
    rows = unit_rows(4, DIM)
    answer = filled.search(rows, 1)
    assert answer.ids[:, 0].tolist() == [3, 4, 4, 9]
    assert answer.parts[:, 0].tolist() == [0, 0, 1, 0]
    np.testing.assert_array_equal(filled.vectors_of(4), rows[1:3])


def test_scores_are_the_same_before_and_after_publication(tmp_path: Path, unit_rows: Maker) -> None:
    rows, queries = unit_rows(300, DIM), unit_rows(20, DIM, seed=1)
    held = VectorSet(DIM)
    extend(held, np.arange(300), rows, 1)
    before = held.search(queries, 5)
    for kind in ("flat", "ivf_sq8", "ivf_pq"):
        assert held.publish(tmp_path, np.arange(300), rows, 1, "s", IndexSpec(kind, DIM))
        after = held.search(queries, 5)
        np.testing.assert_allclose(after.scores, before.scores, atol=1e-6)
        np.testing.assert_array_equal(after.ids, before.ids)
    assert held.describe() | {"why": "", "evidence": None} == {
        "kind": "ivf_pq",
        "device": "cpu",
        "why": "",
        "exact": False,
        "evidence": None,
        "published": 300,
        "published_seq": 1,
        "tail": 0,
        "removed": 0,
        "seq": 1,
    }


def test_float16_rows_publish_as_they_are(tmp_path: Path, unit_rows: Maker) -> None:
    rows = unit_rows(60, DIM)
    held = VectorSet(DIM)
    assert held.publish(tmp_path, np.arange(60), rows.astype(np.float16), 3, "s")
    np.testing.assert_array_equal(held.vectors_of(17), rows[17:18])
    assert (held.published_count, held.published_seq, held.seq) == (60, 3, 3)


def test_an_older_generation_is_not_adopted(unit_rows: Maker) -> None:
    held = VectorSet(DIM, seq=5)
    old = Published(4, np.arange(3), build(unit_rows(3, DIM), IndexSpec("flat", DIM)))
    assert not held.adopt(old)
    assert len(held) == 0


def test_rows_told_late_are_not_doubled(unit_rows: Maker) -> None:
    rows = unit_rows(4, DIM)
    held = VectorSet(DIM)
    extend(held, [0, 1, 2, 3], rows, 9)  # all that is live, told under the last commit
    assert held.adopt(Published(5, np.arange(2), build(rows[:2], IndexSpec("flat", DIM))))
    assert held.live_ids().tolist() == [0, 1, 2, 3]
    assert len(held) == 4


def test_damaged_files_are_not_opened(tmp_path: Path, unit_rows: Maker) -> None:
    VectorSet(DIM).publish(tmp_path, np.arange(9), unit_rows(9, DIM), 1, "s")
    next(tmp_path.glob("index-*")).write_bytes(b"")
    with pytest.raises(CorruptSnapshot, match="0 bytes, expected"):
        VectorSet.open(tmp_path, "s", DIM)


@pytest.mark.parametrize("copied", [0, 1 << 25])
@pytest.mark.parametrize("kind", ["flat", "ivf_flat", "ivf_pq", "ivf_pq8", "hnsw", "cagra"])
def test_a_filter_is_right_whether_copied_or_masked(
    copied: int, kind: str, tmp_path: Path, unit_rows: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "COPIED", copied)
    rows, queries = unit_rows(400, DIM), unit_rows(5, DIM, seed=1)
    ids = np.repeat(np.arange(100) * 2, 4)
    held = VectorSet(DIM)
    held.publish(tmp_path, ids, rows, 1, "s", IndexSpec(kind, DIM))
    remove(held, [0, 20], 2)
    allow = np.arange(0, 120, 5)
    allow.flags.writeable = False
    may = np.setdiff1d(np.intersect1d(allow, ids), [0, 20])
    mask = np.isin(ids, may)
    best = FlatIndex(rows).search(queries, 400, mask)[0]
    for _ in range(2):  # the second answer comes from the cache
        answer = held.search(queries, 6, allow)
        for found, positions in zip(answer.ids, best, strict=True):
            order = dict.fromkeys(ids[positions[positions >= 0]].tolist())
            assert found.tolist() == list(order)[:6]


def test_a_changed_filter_is_not_answered_from_the_cache(filled: VectorSet) -> None:
    allow = np.array([3])
    assert filled.search(np.ones((1, DIM)), 1, allow).ids.tolist() == [[3]]
    allow[0] = 9
    assert filled.search(np.ones((1, DIM)), 1, allow).ids.tolist() == [[9]]


def test_one_id_of_many_vectors_hides_no_other(tmp_path: Path, unit_rows: Maker) -> None:
    crowd = np.tile(unit_rows(1, DIM), (500, 1))
    rows = np.concatenate([crowd, unit_rows(9, DIM, seed=1)])
    ids = np.concatenate([np.zeros(500, np.int64), np.arange(1, 10)])
    held = VectorSet(DIM)
    held.publish(tmp_path, ids, rows, 1, "s", IndexSpec("flat", DIM))
    answer = held.search(crowd[:1], 10)
    assert answer.ids[0, 0] == 0
    assert set(answer.ids[0]) == set(range(10))


def test_removed_neighbours_hide_no_other(tmp_path: Path, unit_rows: Maker) -> None:
    rows = unit_rows(300, DIM)
    held = VectorSet(DIM)
    held.publish(tmp_path, np.arange(300), rows, 1, "s", IndexSpec("flat", DIM))
    nearest = held.search(rows[:1], 290).ids[0]
    remove(held, nearest[:280], 2)
    assert held.search(rows[:1], 10).ids[0].tolist() == nearest[280:].tolist()


def test_readers_see_whole_commits_while_others_write(tmp_path: Path, unit_rows: Maker) -> None:
    """Each commit adds two rows and removes the two before: a reader always finds two."""
    rows = unit_rows(2, DIM)
    held = VectorSet(DIM)
    extend(held, [0, 1], rows, 1)
    faults: list[list[int]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            ids = held.search(rows[:1], 4).ids[0]
            ids = sorted(ids[ids != NO_ID].tolist())
            if len(ids) != 2 or ids[1] != ids[0] + 1 or ids[0] % 2:
                faults.append(ids)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for seq in range(2, 200):
        new = [2 * seq, 2 * seq + 1]
        old = held.live_ids()
        held.apply(new, rows, [seq, seq], old, [seq, seq], seq)
        if seq % 40 == 0:
            held.publish(tmp_path, new, rows, seq, "s", IndexSpec("flat", DIM))
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []


def test_after_opening_nothing_files_older_than_asked_are_not_adopted(
    tmp_path: Path, unit_rows: Maker
) -> None:
    held = VectorSet.open(tmp_path, "s", DIM, min_seq=5)
    index = build(unit_rows(3, DIM), IndexSpec("flat", DIM))
    assert not held.adopt(Published(4, np.arange(3), index))
    assert held.adopt(Published(5, np.arange(3), index))


def test_what_settles_an_index_is_given_it_and_its_rows(tmp_path: Path, unit_rows: Maker) -> None:
    rows, given = unit_rows(90, DIM), []

    def settle(index: FaissIndex, vectors: np.ndarray) -> FaissIndex:
        given.append((len(index), vectors))
        return build(vectors, IndexSpec("ivf_flat", DIM))

    held = VectorSet(DIM)
    assert held.publish(tmp_path, range(90), rows, 1, "space", IndexSpec("flat", DIM), settle)
    assert given == [(90, rows)]
    assert held.describe()["kind"] == "ivf_flat"
    assert VectorSet.open(tmp_path, "space", DIM).describe()["kind"] == "ivf_flat"
