"""A head on disk: config.json, tokenizer.json and float16 weights, checked before they are used."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xxhash
from safetensors.torch import load, save

from embedstore.answering.head.beam import Search
from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.model import Head
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.errors import Corrupt, NotFound

BUNDLED = Path(__file__).parent / "weights"
HEAD = "head"  # of a run of training
CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
_FORMAT = 1


@dataclass(frozen=True)
class Stored:
    """A head with all it needs.

    Attributes:
        head: Ready to be asked.
        vocabulary: Its pieces.
        captions: How captions are looked for.
        answers: How answers to questions are.
        space: Fingerprint of the space whose vectors it was trained on.
        known: Familiarity from which on it knows what a prompt is about; None where that was not
            measured.
    """

    head: Head
    vocabulary: Vocabulary
    captions: Search
    answers: Search
    space: str
    known: float | None = None


def write(folder: Path, stored: Stored) -> None:
    """Write a head.

    Args:
        folder: Made if missing.
        stored: What to write.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: one.detach().cpu().half() for name, one in stored.head.state_dict().items()}
    weights, pieces = save(state), stored.vocabulary.to_json()
    (folder / WEIGHTS).write_bytes(weights)
    (folder / TOKENIZER).write_text(pieces, "utf-8")
    body = {
        "format": _FORMAT,
        "space": stored.space,
        "head": asdict(stored.head.config),
        "captions": asdict(stored.captions),
        "answers": asdict(stored.answers),
        "known": stored.known,
        "checksums": {WEIGHTS: _checksum(weights), TOKENIZER: _checksum(pieces.encode())},
    }
    (folder / CONFIG).write_text(json.dumps(body, indent=2) + "\n", "utf-8")


def found(folder: Path) -> Path:
    """Give the folder of a head, which may be the run that holds it."""
    return folder / HEAD if (folder / HEAD).is_dir() else folder


def read(folder: Path) -> Stored:
    """Read a head.

    Args:
        folder: Where `write` wrote, or the run that holds it.

    Raises:
        NotFound: There is none.
        Corrupt: A file is missing or not as it was written.
    """
    folder = found(folder)
    if not (folder / CONFIG).is_file():
        raise NotFound(
            f"no head in {folder}: it has no {CONFIG}; train one with embedstore train-head and "
            "give its folder, --generator head:FOLDER, or take --generator consensus"
        )
    try:
        return _read(folder)
    except Exception as error:  # tokenizers raises no narrower one
        raise Corrupt(
            f"the head in {folder} is damaged ({type(error).__name__}: {error}); restore a copy, "
            "or train it again with embedstore train-head"
        ) from error


def _read(folder: Path) -> Stored:
    body: Mapping[str, Any] = json.loads((folder / CONFIG).read_text("utf-8"))
    if body["format"] != _FORMAT:
        raise ValueError(f"format {body['format']!r}, expected {_FORMAT}")
    data = {name: (folder / name).read_bytes() for name in (WEIGHTS, TOKENIZER)}
    for name, found in data.items():
        if _checksum(found) != body["checksums"][name]:
            raise ValueError(f"{name} is not as it was written")
    head = Head(HeadConfig(**body["head"]))
    head.load_state_dict({name: one.float() for name, one in load(data[WEIGHTS]).items()})
    vocabulary = Vocabulary.from_json(data[TOKENIZER].decode())
    searches = Search(**body["captions"]), Search(**body["answers"])
    return Stored(head.eval(), vocabulary, *searches, str(body["space"]), body.get("known"))


def _checksum(data: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(data)
