"""The rate of searches in a process, without a server."""

import threading
import time

import numpy as np

from embedstore import Collection, Query


def rate(
    collection: Collection, vectors: np.ndarray, k: int, threads: int, seconds: float
) -> float:
    """Search with ready vectors from some threads at once, and count searches a second."""
    done = [0] * threads
    end = time.perf_counter() + seconds

    def ask(mine: int) -> None:
        place = mine * len(vectors) // threads
        while time.perf_counter() < end:
            collection.search(Query(vector=vectors[place % len(vectors)], k=k))
            place += 1
            done[mine] += 1

    at_it = [threading.Thread(target=ask, args=(mine,)) for mine in range(threads)]
    for each in at_it:
        each.start()
    for each in at_it:
        each.join()
    return sum(done) / seconds
