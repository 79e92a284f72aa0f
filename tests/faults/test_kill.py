"""kill -9 at any moment: what was acknowledged is there, byte for byte; what was deleted is gone."""

import json
import os
import random
import signal
import time
from pathlib import Path

import faiss  # noqa: F401 - here, so that no child spends its life importing it
import numpy as np
import pytest

import embedstore
from embedstore import Item, Store  # noqa: F401 - Store likewise
from embedstore.encoders import load
from indexer import IndexSpec, vector_set

ROUNDS = int(os.environ.get("EMBEDSTORE_KILL_ROUNDS", "200"))
DIM = load("toy").space.dim
BATCH = 24
MOST = 3_000  # items; past it half are deleted, so that a round stays short

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def vectors_of(seed: int, count: int) -> np.ndarray:
    """Unit rows that the parent can make again; the keys of a batch go with them."""
    made = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def items_of(seed: int, keys: list[str]) -> list[Item]:
    return [
        Item(key, f"picture {seed} of {key}".encode(), (f"text {seed} of {key}",), {"seed": seed})
        for key in keys
    ]


def next_step(dice: random.Random, held: list[str]) -> dict:
    """Choose what to do: add new keys, replace some, delete some, publish, compact."""
    kind = dice.choices(["add", "replace", "delete", "rebuild", "compact"], [5, 2, 2, 2, 1])[0]
    seed = dice.getrandbits(32)
    if len(held) > MOST:
        return {"kind": "delete", "seed": seed, "keys": dice.sample(held, MOST // 2)}
    if kind == "add" or not held:
        keys = [f"{seed}-{place}" for place in range(BATCH)]
        return {"kind": "add", "seed": seed, "keys": keys}
    if kind in ("replace", "delete"):
        keys = dice.sample(held, min(len(held), BATCH // 2))
        return {"kind": "add" if kind == "replace" else kind, "seed": seed, "keys": keys}
    return {"kind": kind, "seed": seed, "keys": []}


def apply(state: dict[str, tuple[int, int, int]], step: dict) -> dict[str, tuple[int, int, int]]:
    """Say what is stored after a step: key -> (seed, place in the batch, size of the batch)."""
    after = dict(state)
    for place, key in enumerate(step["keys"]):
        if step["kind"] == "delete":
            after.pop(key, None)
        else:
            after[key] = (step["seed"], place, len(step["keys"]))
    return after


def work(folder: Path, journal: Path, seed: int, held: list[str], kind: str) -> None:
    """Change the store until killed; note each step before it begins and once it is acknowledged."""
    spec = IndexSpec(kind, DIM, nlist=4, nprobe=4, rerank=4)
    vector_set.plan = lambda *_, **__: spec  # this process is forked and will be killed
    dice = random.Random(seed)
    log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    state = dict.fromkeys(held)
    with embedstore.open(folder) as store:
        made = store.create("made", load("toy"), exist_ok=True)
        while True:
            step = next_step(dice, list(state))
            os.write(log, (json.dumps(step) + "\n").encode())
            if step["kind"] == "add":
                vectors = vectors_of(step["seed"], len(step["keys"]))
                made.add_vectors(items_of(step["seed"], step["keys"]), image=vectors, text=vectors)
                state.update(dict.fromkeys(step["keys"]))
            elif step["kind"] == "delete":
                made.delete(step["keys"])
                for key in step["keys"]:
                    del state[key]
            elif step["kind"] == "rebuild":
                made.rebuild()
            else:
                made.compact()
            os.write(log, b"done\n")


def replay(journal: Path, state: dict) -> list[dict]:
    """Give the states the store may be in: all acknowledged, and the step under way done or not."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    begun = None
    for line in lines:
        if line == "done":
            state, begun = apply(state, begun), None
        elif line.endswith("}"):
            begun = json.loads(line)
    return [state] if begun is None else [state, apply(state, begun)]


def verify(folder: Path, allowed: list[dict], verdict: Path, kind: str) -> None:
    """Open the store as a new process would and compare it with the states it may be in."""
    with embedstore.open(folder) as store:
        made = store.create("made", load("toy"), exist_ok=True)
        _, rows, held = made.catalog.scan(made.info.id, "text")
        np.testing.assert_array_equal(made.catalog.scan(made.info.id, "image")[2], held)
        items = made.catalog.lookup(made.info.id, rows.tolist())[1]
        keys = [items[row].key for row in rows.tolist()]
        found = next(
            (each for each in allowed if set(each) == set(keys) and _same_seeds(each, items)), None
        )
        assert found is not None, f"{len(keys)} items fit none of {[len(each) for each in allowed]}"
        for key, vector in zip(keys, held, strict=True):
            seed, place, size = found[key]
            expected = vectors_of(seed, size)[place].astype(np.float16)
            assert vector.astype(np.float16).tobytes() == expected.tobytes(), key
        for key in keys[:: max(1, len(keys) // 10)]:
            assert made.image_bytes(key) == f"picture {found[key][0]} of {key}".encode()
        for modality in ("image", "text"):
            _verify_search(made, modality, keys, held, exact=kind == "flat")
        verdict.write_text(json.dumps(found))


def _same_seeds(state: dict, items: dict) -> bool:
    return all(
        item.meta["seed"] == state[item.key][0]
        and item.texts == (f"text {item.meta['seed']} of {item.key}",)
        for item in items.values()
    )


def _verify_search(made, modality, keys: list[str], held: np.ndarray, exact: bool) -> None:
    """Search finds what an exact scan of the rows finds: nothing lost, nothing deleted is back."""
    if not keys:
        return
    query = vectors_of(7, 1)[0]
    hits = made.search(embedstore.Query(vector=query, target=modality, k=MOST // 10))
    best = np.sort(held @ query)[::-1][: MOST // 10]
    assert {hit.item.key for hit in hits} <= set(keys)
    scores = dict(zip(keys, (held @ query).tolist(), strict=True))
    assert [hit.score for hit in hits] == pytest.approx(
        [scores[hit.item.key] for hit in hits], abs=1e-5
    )
    assert len(hits) == len(best)
    if exact:
        assert [hit.score for hit in hits] == pytest.approx(best.tolist(), abs=1e-5)


def wait_for(path: Path) -> None:
    """Wait until a file is there, ten seconds at most."""
    limit = time.monotonic() + 10
    while not path.exists() and time.monotonic() < limit:
        time.sleep(0.001)


@pytest.mark.parametrize(("kind", "rounds"), [("flat", ROUNDS), ("ivf_sq8", ROUNDS // 8)])
def test_kill_at_random_moments_loses_nothing(
    tmp_path: Path, kind: str, rounds: int, in_child, finished
) -> None:
    folder, journal, verdict = tmp_path / "store", tmp_path / "journal", tmp_path / "verdict"
    dice = random.Random(20261123)
    state: dict = {}
    steps = 0
    for turn in range(rounds):
        journal.unlink(missing_ok=True)
        child = in_child(work, folder, journal, dice.getrandbits(32), list(state), kind)
        if turn % 10:  # every tenth is killed wherever it is while it opens the store
            wait_for(journal)
        time.sleep(dice.uniform(0.0, 0.35))
        os.kill(child, signal.SIGKILL)
        assert finished(child) == -signal.SIGKILL, f"round {turn}: the worker failed by itself"
        allowed = replay(journal, {key: tuple(value) for key, value in state.items()})
        steps += journal.read_text().count("done") if journal.exists() else 0
        assert finished(in_child(verify, folder, allowed, verdict, kind)) == 0, f"round {turn}"
        state = json.loads(verdict.read_text())
    assert steps > rounds // 2, (
        "the workers were killed before they did anything; lengthen the sleep"
    )
