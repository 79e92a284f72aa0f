"""kill -9 while a collection moves to another space: it is in one space or the other, whole.

Another process changes the collection all the while. What it was told is stored is there
afterwards, and what it deleted is not, whichever space the name stands for.
"""

import json
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import faiss  # noqa: F401 - here, so that no child spends its life importing it
import numpy as np
import pytest

import embedstore
from embedstore import Item, Store, copying, encoders  # noqa: F401 - Store likewise
from embedstore.encoders.toy import ToyEncoder
from embedstore.errors import Moved, NotFound

ROUNDS = int(os.environ.get("EMBEDSTORE_RE_EMBED_KILL_ROUNDS", "16"))
NAMES = ("toy", "turned")
CHANGES = 25

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Turned(ToyEncoder):
    """Toy in another space."""

    def __init__(self) -> None:
        super().__init__()
        self.space = replace(self.space, encoder="turned", weights="turned")

    def encode_texts(self, texts):
        return np.roll(super().encode_texts(texts), 1, axis=1)


def load(name: str):
    return Turned() if name == "turned" else ToyEncoder()


def fill(folder: Path) -> None:
    with embedstore.open(folder) as store:
        made = store.create("made", load("toy"))
        made.add(Item(f"first {n}", texts=(f"first {n}",)) for n in range(150))


def move(folder: Path, begun: Path, keep: bool) -> None:
    """Move the collection to the space that it is not in."""
    copying.BATCH = 8
    with embedstore.open(folder) as store:
        held = store.catalog.describe("made").space.encoder
        wanted = load(NAMES[1 - NAMES.index(held)])
        begun.touch()
        name = f"old-{os.getpid()}" if keep else None
        embedstore.re_embed(store, "made", wanted, keep=name, workers=0)


def change(folder: Path, journal: Path, seed: int, held: list[str]) -> None:
    """Change the collection under its name; note each change before and once it is acknowledged."""
    dice = random.Random(seed)
    log = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    keys = list(held)
    with embedstore.open(folder) as store:
        for turn in range(CHANGES):
            text = f"{seed} {turn}"
            key = dice.choice([text, *keys[:1], *dice.sample(keys, 1)])
            delete = dice.random() < 0.4
            while True:
                try:
                    made = store.collection("made")
                    if delete:
                        made.delete([key])
                    else:
                        made.add([Item(key, texts=(text,))])
                    break
                except (Moved, NotFound):  # refused whole: the names changed at this moment
                    continue
            os.write(log, (json.dumps([key, None if delete else text]) + "\n").encode())
            keys = [each for each in keys if each != key] + ([] if delete else [key])


def verify(folder: Path, truth: dict[str, str]) -> None:
    """Open the store as a new process would and compare it with what was acknowledged."""
    with embedstore.open(folder) as store:
        made = store.collection("made")
        _, rows, vectors = made.catalog.scan(made.info.id, "text")
        items = made.catalog.items(made.info.id, rows.tolist())
        found = {item.key: item.texts[0] for item in items.values()}
        assert found == truth, set(found.items()) ^ set(truth.items())
        texts = [items[row].texts[0] for row in rows.tolist()]
        np.testing.assert_allclose(vectors, made.encoder.encode_texts(texts), atol=1e-3)
        for text in texts[:: len(texts) // 5]:
            hit = made.search(text, target="text", k=1)[0]
            assert hit.score == pytest.approx(1.0, abs=2e-3)


def settled(folder: Path) -> None:
    """Nothing is left over once a run has come to its end."""
    with embedstore.open(folder) as store:
        shown = {each.name for each in store.collections()}
        with store.catalog._database.snapshot() as connection:
            names = connection.exec_driver_sql("SELECT name FROM collections").scalars().all()
        assert set(names) == shown
        assert len(list((folder / "index").iterdir())) <= len(names)


def test_kill_at_random_moments_leaves_one_space_whole(
    tmp_path: Path, in_child, finished, monkeypatch
) -> None:
    monkeypatch.setattr(encoders, "load", load)  # the children are forked and have it too
    folder, journal, begun = tmp_path / "store", tmp_path / "journal", tmp_path / "begun"
    dice = random.Random(20261123)
    truth = {f"first {n}": f"first {n}" for n in range(150)}
    assert finished(in_child(fill, folder)) == 0
    killed, takes = 0, 10.0
    for turn in range(ROUNDS):
        journal.unlink(missing_ok=True)
        begun.unlink(missing_ok=True)
        mover = in_child(move, folder, begun, turn % 3 == 2)
        changer = in_child(change, folder, journal, dice.getrandbits(32), list(truth))
        limit = time.monotonic() + 10
        while not begun.exists() and time.monotonic() < limit:
            time.sleep(0.001)
        start = time.monotonic()
        if turn % 4:  # every fourth comes to its end, and tells how long a move takes here
            time.sleep(dice.uniform(0.0, takes))
            os.kill(mover, signal.SIGKILL)
        ended = finished(mover)
        assert ended in (0, -signal.SIGKILL), f"round {turn}: the mover failed by itself"
        killed += ended != 0
        if ended == 0:
            takes = min(takes, time.monotonic() - start)
        assert finished(changer) == 0, f"round {turn}: the changer failed"
        for key, text in map(json.loads, journal.read_text().splitlines()):
            truth.pop(key, None)
            if text is not None:
                truth[key] = text
        assert finished(in_child(verify, folder, truth)) == 0, f"round {turn}"
    assert killed > ROUNDS // 4, "the movers ended before they were killed"
    assert finished(in_child(move, folder, begun, False)) == 0
    assert finished(in_child(verify, folder, truth)) == 0
    assert finished(in_child(settled, folder)) == 0
