"""Calls that come together are encoded together, and each gets what it would get alone."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from embedstore.encoders import load
from embedstore.encoding_queue import MOST_AT_ONCE, QueuedEncoder
from embedstore.errors import BadQuery, Overloaded, Unavailable


class Slow:
    """The toy encoder, taking its time; remembers how much it was asked at once."""

    def __init__(self) -> None:
        self.real = load("toy")
        self.asked: list[int] = []
        self.go = threading.Event()

    def __getattr__(self, name):
        return getattr(self.real, name)

    def encode_texts(self, texts):
        self.asked.append(len(texts))
        self.go.wait(10)
        if "bad" in texts:
            raise BadQuery("bad words")
        return self.real.encode_texts(texts)

    def encode_images(self, images):
        self.asked.append(-len(images))
        return self.real.encode_images(images)


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def queue(slow):
    made = QueuedEncoder(slow, most_waiting=4)
    yield made
    slow.go.set()
    made.close()


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_concurrent_calls_share_one_and_get_their_own(slow, queue):
    words = [[f"red {n}", "blue"] for n in range(5)]
    side = queue.preprocess.size
    with ThreadPoolExecutor(6) as many:
        first = many.submit(queue.encode_texts, words[0])
        until(lambda: slow.asked)
        others = [many.submit(queue.encode_texts, each) for each in words[1:]]
        until(lambda: len(queue._waiting) == 4)
        with pytest.raises(Overloaded, match="4 calls of the encoder wait"):
            queue.encode_texts(["one too many"])
        slow.go.set()
        for own, told in zip(words, [first, *others], strict=True):
            np.testing.assert_allclose(told.result(), slow.real.encode_texts(own), atol=1e-6)
    assert slow.asked == [2, 8]
    picture = np.zeros((side, side, 3), np.uint8)
    assert queue.encode_images([picture]).shape == (1, queue.space.dim)
    assert slow.asked[-1] == -1


def test_an_error_reaches_its_callers_and_the_queue_goes_on(slow, queue):
    slow.go.set()
    with pytest.raises(BadQuery, match="bad words"):
        queue.encode_texts(["bad"])
    assert queue.encode_texts(["good"]).shape[0] == 1


def test_a_lone_call_waits_for_nobody(slow, queue):
    slow.go.set()
    took = []
    for _ in range(20):
        began = time.perf_counter()
        queue.encode_texts(["alone"])
        took.append(time.perf_counter() - began)
    assert min(took) < 0.002


def test_many_texts_take_turns_and_many_pictures_go_past_the_queue(slow, queue):
    words = [f"red {n}" for n in range(2 * MOST_AT_ONCE + 1)]
    with ThreadPoolExecutor(2) as threads:
        many = threads.submit(queue.encode_texts, words)
        until(lambda: slow.asked)
        few = threads.submit(queue.encode_texts, ["blue"])
        until(lambda: queue.waiting)
        slow.go.set()
        np.testing.assert_allclose(many.result(), slow.real.encode_texts(words), atol=1e-6)
        assert few.result().shape == (1, queue.space.dim)
    assert max(slow.asked) <= MOST_AT_ONCE
    assert sum(slow.asked) == len(words) + 1
    assert queue.encode_texts([]).shape == (0, queue.space.dim)
    side = queue.preprocess.size
    pictures = [np.zeros((side, side, 3), np.uint8)] * (MOST_AT_ONCE + 1)
    assert len(queue.encode_images(pictures)) == len(pictures)
    assert slow.asked[-1] == -len(pictures)


def test_a_closed_queue_finishes_what_waits_and_takes_no_more(slow):
    queue = QueuedEncoder(slow)
    with ThreadPoolExecutor(2) as many:
        told = [many.submit(queue.encode_texts, [word]) for word in ("red", "blue")]
        until(lambda: slow.asked)
        until(lambda: queue._waiting or sum(slow.asked) == 2)
        closing = threading.Thread(target=queue.close)
        closing.start()
        slow.go.set()
        assert [len(each.result(10)) for each in told] == [1, 1]
        closing.join(10)
    with pytest.raises(Unavailable, match="stopping"):
        queue.encode_texts(["late"])
