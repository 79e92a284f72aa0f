"""Any order of adding, removing, replacing and publishing, against a dict."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.typing import NDArray

from indexer import NO_ID, IndexSpec, Neighbors, VectorSet
from indexer.planner import GRAPHS
from indexer.types import Kind

DIM = 6
FINGERPRINT = "space"


def unit(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    rows = rng.integers(-2, 3, (n, DIM)).astype(np.float32)  # ties and duplicates are common
    rows[:, 0] += 0.5
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float16).astype(np.float32)


class VectorSetMachine(RuleBasedStateMachine):
    kind: Kind = "flat"

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.held = VectorSet(DIM)
        self.rows: dict[int, NDArray[np.float32]] = {}
        self.log: list[tuple[int, int, NDArray[np.float32] | None]] = []
        self.seq = 0
        self.next_id = 0
        self.purged = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def commit(self, added: list[NDArray[np.float32]], removed: list[int]) -> None:
        self.seq += 1
        ids = list(range(self.next_id, self.next_id + len(added)))
        self.next_id += len(added) + self.seq % 2  # ids have gaps
        self.rows |= dict(zip(ids, added, strict=True))
        for gone in removed:
            del self.rows[gone]
        self.log += [(self.seq, row, part) for row, part in zip(ids, added, strict=True)]
        self.log += [(self.seq, row, None) for row in removed]
        self.tell(self.held, self.seq - 1)

    def tell(self, held: VectorSet, after: int) -> None:
        added = [
            (seq, row, part) for seq, row, part in self.log if part is not None and seq > after
        ]
        added = [(seq, row, part) for seq, row, part in added if row in self.rows]
        gone = [(seq, row) for seq, row, part in self.log if part is None and seq > after]
        held.apply(
            [row for _, row, part in added for _ in part],
            np.concatenate([np.empty((0, DIM)), *(part for _, _, part in added)]),
            [seq for seq, _, part in added for _ in part],
            [row for _, row in gone],
            [seq for seq, _ in gone],
            self.seq,
        )

    def column(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        ids = np.repeat(list(self.rows), [len(part) for part in self.rows.values()])
        rows = np.concatenate([np.empty((0, DIM), np.float32), *self.rows.values()])
        return ids.astype(np.int64), rows

    @rule(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6), seed=st.integers(0, 99))
    def add(self, sizes: list[int], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.commit([unit(rng, size) for size in sizes], [])

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.rows:
            chosen = data.draw(st.lists(st.sampled_from(sorted(self.rows)), unique=True))
            self.commit([], chosen)

    @rule(data=st.data(), seed=st.integers(0, 99))
    def replace(self, data: st.DataObject, seed: int) -> None:
        if self.rows:
            chosen = data.draw(st.sampled_from(sorted(self.rows)))
            self.commit([unit(np.random.default_rng(seed), 2)], [chosen])

    @rule()
    def publish(self) -> None:
        ids, rows = self.column()
        assert self.held.publish(self.folder, ids, rows, self.seq, FINGERPRINT, self.spec())
        assert self.held.published_seq == self.seq

    @rule(sizes=st.lists(st.integers(1, 3), min_size=1, max_size=3), seed=st.integers(0, 99))
    def commit_while_publishing(self, sizes: list[int], seed: int) -> None:
        ids, rows = self.column()
        read_at = self.seq
        gone = sorted(self.rows)[:1]
        self.commit([unit(np.random.default_rng(seed), size) for size in sizes], gone)
        assert self.held.publish(self.folder, ids, rows, read_at, FINGERPRINT, self.spec())

    @rule()
    def compact(self) -> None:
        """Forget old removals, as an owner does that has purged its tombstones."""
        self.publish()
        self.purged = self.seq
        self.log = [each for each in self.log if each[2] is not None]

    @rule()
    def reopen(self) -> None:
        self.held = VectorSet.open(self.folder, FINGERPRINT, DIM, self.purged)
        self.tell(self.held, self.held.seq)

    @rule()
    def lose_the_files(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.reopen()

    @rule(
        k=st.integers(1, 12),
        seed=st.integers(0, 99),
        share=st.none() | st.floats(0, 1),
        exact=st.booleans(),
    )
    def search(self, k: int, seed: int, share: float | None, exact: bool) -> None:
        rng = np.random.default_rng(seed)
        queries = unit(rng, 3)
        allow = None
        if share is not None:
            allow = np.flatnonzero(rng.random(self.next_id + 3) < share)
            allow.flags.writeable = bool(seed % 2)
        may = [row for row in self.rows if allow is None or row in allow]
        answer = self.held.search(queries, k, allow, exact)
        for number, query in enumerate(queries):
            found = Neighbors(*(each[number] for each in vars(answer).values()))
            self.check(query, may, found, k, exact)

    def check(
        self, query: NDArray[np.float32], may: list[int], answer: Neighbors, k: int, exact: bool
    ) -> None:
        there = min(k, len(may))
        ids = answer.ids[:there].tolist()
        assert len(set(ids)) == there
        assert set(ids) <= set(may)
        assert (answer.ids[there:] == NO_ID).all()
        assert (answer.parts[there:] == -1).all()
        assert np.isneginf(answer.scores[there:]).all()
        for row, score, part in zip(ids, answer.scores, answer.parts, strict=False):
            assert score == pytest.approx(self.rows[row][part] @ query, abs=1e-5)
            assert score == pytest.approx((self.rows[row] @ query).max(), abs=1e-5)
        best = sorted(((self.rows[row] @ query).max() for row in may), reverse=True)[:there]
        if exact or self.kind not in GRAPHS:
            np.testing.assert_allclose(answer.scores[:there], best, atol=1e-5)
        elif best:  # a graph may miss one
            assert np.count_nonzero(answer.scores[:there] >= best[-1] - 1e-5) >= there / 2

    @invariant()
    def holds_the_same_rows(self) -> None:
        if not hasattr(self, "held"):
            return
        assert self.held.seq == self.seq
        assert self.held.live_ids().tolist() == sorted(self.rows)
        assert len(self.held) == sum(map(len, self.rows.values()))
        for row in [*list(self.rows)[:3], self.next_id + 5]:
            expected = self.rows.get(row, np.empty((0, DIM)))
            np.testing.assert_array_equal(self.held.vectors_of(row), expected)

    def spec(self) -> IndexSpec:
        return IndexSpec(self.kind, DIM)


def case(kind: Kind) -> type:
    machine = type(f"Machine_{kind}", (VectorSetMachine,), {"kind": kind})
    test = machine.TestCase
    examples = 25 if kind == "flat" else 12
    test.settings = settings(max_examples=examples, stateful_step_count=20, deadline=None)
    return test


TestFlat = case("flat")
TestIvfFlat = case("ivf_flat")
TestIvfSq8 = case("ivf_sq8")
TestIvfPq = case("ivf_pq")
TestIvfPqSmall = case("ivf_pq_small")
TestIvfPq8 = case("ivf_pq8")
TestHnsw = case("hnsw")
TestCagra = case("cagra")
