"""One hash of a file, however it is written and by however many cores it is read."""

import mmap
from pathlib import Path

import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer import block_hash


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pieces=st.lists(st.binary(max_size=40), max_size=8), block=st.integers(1, 64))
def test_what_is_written_in_pieces_is_proved_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: list[bytes], block: int
) -> None:
    monkeypatch.setattr(block_hash, "BLOCK", block)
    whole = b"".join(pieces)
    written = block_hash.BlockHash()
    for piece in pieces:
        written.update(piece)
    parts = [whole[at : at + block] for at in range(0, len(whole), block)] or [b""]
    expected = xxhash.xxh3_128_digest(parts[0])
    if len(parts) > 1:
        expected = xxhash.xxh3_128_digest(b"".join(xxhash.xxh3_128_digest(each) for each in parts))
    assert written.hexdigest() == expected.hex()
    if whole:
        (tmp_path / "file").write_bytes(whole)
        with (tmp_path / "file").open("rb") as file:
            mapped = mmap.mmap(file.fileno(), len(whole), prot=mmap.PROT_READ)
            assert block_hash.hash_of(mapped) == expected.hex()
            mapped.close()


def test_a_flipped_bit_in_any_block_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_hash, "BLOCK", 8)
    whole = bytes(range(40))
    hashes = set()
    for at in range(-1, 8 * len(whole)):
        changed = bytearray(whole)
        if at >= 0:
            changed[at // 8] ^= 1 << at % 8
        with mmap.mmap(-1, len(whole)) as mapped:
            mapped.write(changed)
            hashes.add(block_hash.hash_of(mapped))
    assert len(hashes) == 8 * len(whole) + 1
