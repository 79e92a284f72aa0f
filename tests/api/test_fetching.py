"""Pictures named by address: refused unless switched on, and then never from a private machine."""

import base64
import io
import socket
import threading
import time
from ipaddress import ip_address

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api import fetching_addresses
from api.app import create_app
from api.fetching import Fetching
from api.fetching_addresses import is_public
from api.pictures import Pictures
from embedstore.errors import BadImage

WORDS = "/v1/collections/words"


def png(colour: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "PNG")
    return buffer.getvalue()


class Listener:
    """Counts connections to loopback, and answers each with what it is told to."""

    def __init__(self) -> None:
        self.count, self.answers, self.seen = 0, {}, []
        self._line = socket.create_server(("127.0.0.1", 0))
        self.port = self._line.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def url(self, path: str = "/picture.png", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def _serve(self) -> None:
        while True:
            line, _ = self._line.accept()
            with line:
                asked = line.recv(1 << 16).decode()
                if asked == "end":
                    return
                self.count += 1
                self.seen.append(asked)
                answer = self.answers.get(asked.split(" ")[1], b"HTTP/1.1 404 No\r\n\r\n")
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    try:
                        line.sendall(piece)
                    except OSError:
                        break

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as line:
            line.sendall(b"end")
        self._thread.join(20)
        self._line.close()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def moved(place: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def fetches(store):
    """A client of a server that fetches, under the rules of a real one."""
    with TestClient(create_app(store, fetching=Fetching(seconds=5.0))) as made:
        yield made


@pytest.fixture
def loose(store):
    """A client of a server that takes loopback for the public internet."""
    fetching = Fetching(
        seconds=1.0, most_bytes=1 << 16, allowed=lambda address: address.is_loopback
    )
    with TestClient(create_app(store, fetching=fetching)) as made:
        yield made


def asked(client: TestClient, url: str) -> list:
    """Ask with a picture at every door that takes one."""
    items = {"items": [{"key": "new", "image_url": url}, {"key": "good", "texts": ["x"]}]}
    embed = {"model": "toy", "input": ["x", {"image": url}]}
    return [
        client.post(f"{WORDS}/search", json={"image_url": url}),
        client.post(f"{WORDS}/search_many", json={"queries": [{"text": "x"}, {"image_url": url}]}),
        client.post(f"{WORDS}/search_page", json={"image_url": url}),
        client.post(f"{WORDS}/explain", json={"image_url": url}),
        client.post(f"{WORDS}/caption", json={"image_url": url}),
        client.post(f"{WORDS}/ask", json={"question": "what", "image_url": url}),
        client.post("/v1/embeddings", json=embed),
        client.post(f"{WORDS}/items", json=items),
    ]


def test_an_address_is_refused_unless_fetching_is_switched_on(client, listener):
    listener.answers["/picture.png"] = ok(png())
    for answer in asked(client, listener.url()):
        assert answer.status_code == 422, answer.text
        assert "serve with --fetch-urls" in answer.json()["detail"]
    sent = {"image_base64": listener.url()}
    assert client.post(f"{WORDS}/search", json=sent).status_code == 422
    assert listener.count == 0


def test_a_data_url_is_a_picture_everywhere(client, store):
    url = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    assert [answer.status_code for answer in asked(client, url)] == [200] * 8
    assert store.collection("words").image_bytes("new") == png()
    both = {"image_url": url, "image_base64": base64.b64encode(png()).decode()}
    told = client.post(f"{WORDS}/search", json=both)
    assert "expected one" in told.json()["detail"]
    upload = client.post(
        f"{WORDS}/search/upload",
        files={"image": ("x", png())},
        data={"query": '{"image_url": "http://127.0.0.1/"}'},
    )
    assert upload.status_code == 422


SPELLINGS = [
    "127.0.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "0",
    "localhost",
    "LOCALHOST.",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "user@127.0.0.1",
    "example.com@127.0.0.1",
    "127.0.0.1#@example.com",
    "127.0.0.1%2f@example.com",
    "\u2460\u2461\u2466.0.0.1",
    "private.example",
    "mixed.example",
]


@pytest.fixture
def names(monkeypatch):
    """A resolver that leads some names to private machines; counts how often it is asked."""
    real, times = socket.getaddrinfo, []
    known = {"private.example": ["127.0.0.1"], "mixed.example": ["93.184.215.14", "127.0.0.1"]}

    def resolved(host, port, *more, **others):
        times.append(host)
        if host not in known:
            return real(host, port, *more, **others)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in known[host]]

    monkeypatch.setattr(fetching_addresses.socket, "getaddrinfo", resolved)
    known["times"] = times
    return known


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_reaches_a_private_machine(fetches, listener, names, host):
    listener.answers["/picture.png"] = ok(png())
    url = f"http://{host}:{listener.port}/picture.png"
    for answer in asked(fetches, url)[:1] + asked(fetches, url)[6:]:
        if answer.status_code == 200:
            (failed,) = answer.json()["failed"]
            assert failed["key"] == "new"
            assert answer.json()["added"] + answer.json()["replaced"] == ["good"]
        else:
            assert answer.status_code == 422, answer.text
    assert listener.count == 0


def test_a_name_that_changes_is_resolved_once(loose, listener, names):
    listener.answers["/picture.png"] = ok(png())
    names["turning.example"] = ["127.0.0.1"]
    url = listener.url(host="turning.example")
    assert loose.post(f"{WORDS}/search", json={"image_url": url}).status_code == 200
    assert names["times"].count("turning.example") == 1
    assert "Host: turning.example" in listener.seen[0]
    assert "cookie" not in listener.seen[0].lower()


def test_a_redirect_is_checked_anew(listener, names):
    with socket.create_server(("127.0.0.2", 0)) as beside:
        seen = []
        fetching = Fetching(allowed=lambda address: seen.append(address) or len(seen) == 1)
        place = f"http://127.0.0.2:{beside.getsockname()[1]}/"
        listener.answers["/there"] = moved(place)
        for path, target in (("/file", "file:///etc/passwd"), ("/user", "http://a@127.0.0.1/")):
            listener.answers[path] = moved(target)
        with pytest.raises(BadImage, match="not of the public internet"):
            fetching.fetch(listener.url("/there"))
        assert [str(each) for each in seen] == ["127.0.0.1", "127.0.0.2"]
        beside.settimeout(0.05)
        with pytest.raises(TimeoutError):
            beside.accept()
    allowed = Fetching(allowed=lambda address: address.is_loopback)
    for path in ("/file", "/user"):
        with pytest.raises(BadImage, match="not understood"):
            allowed.fetch(listener.url(path))
    listener.answers["/loop"] = moved("/loop")
    with pytest.raises(BadImage, match="more than 3 times"):
        allowed.fetch(listener.url("/loop"))


def test_pictures_are_fetched_at_every_door(loose, listener, store):
    listener.answers |= {"/a?b=c": ok(png()), "/moved": moved("/a?b=c")}
    answers = asked(loose, listener.url("/moved"))
    assert [answer.status_code for answer in answers] == [200] * 8, answers[0].text
    assert answers[7].json()["added"] == ["new", "good"]
    assert store.collection("words").image_bytes("new") == png()


def slowly():
    yield b"HTTP/1.1 200 OK\r\n"
    for _ in range(100):
        time.sleep(0.1)
        yield b"X: y\r\n"


def test_size_and_time_are_bounded(loose, listener):
    listener.answers |= {
        "/large": ok(bytes((1 << 16) + 1)),
        "/endless": b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1 << 18),
        "/slow": slowly(),
        "/text": ok(b"no picture"),
        "/odd": b"SSH-2.0\r\n",
    }
    for path in ("large", "endless", "slow", "text", "odd", "none"):
        began = time.monotonic()
        answer = loose.post(f"{WORDS}/search", json={"image_url": listener.url(f"/{path}")})
        assert answer.status_code == 422, (path, answer.text)
        assert time.monotonic() - began < 5


def test_one_that_cannot_be_had_leaves_its_neighbours(loose, listener):
    listener.answers |= {f"/{n}": ok(png()) for n in range(20) if n != 7}
    items = [{"key": str(n), "image_url": listener.url(f"/{n}")} for n in range(20)]
    told = loose.post(f"{WORDS}/items", json={"items": items}).json()
    assert [each["key"] for each in told["failed"]] == ["7"]
    assert told["added"] == [str(n) for n in range(20) if n != 7]


@pytest.mark.parametrize("url", ["http://", "ftp://x/y", "//x/y", "x", "http://x:0/", "http://[x/"])
def test_what_is_no_address_is_said(url):
    pictures = Pictures(Fetching())
    with pytest.raises(BadImage, match="not understood"):
        pictures.each([url])
    pictures.close()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        *(
            (each, False)
            for each in (
                *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
                *("0.0.0.0", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1"),
                *("192.0.2.1", "198.18.0.1", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "::"),
                *("2001:db8::1", "64:ff9b::a00:1", "2002:a00:1::1", "2001:0:a00:1::", "::1"),
            )
        ),
    ],
)
def test_public_addresses_are_told_from_others(address, public):
    assert is_public(ip_address(address)) is public
