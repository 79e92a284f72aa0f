"""Webdataset shards: pictures read where they lie in a tar, and no tar that stops the others."""

import io
import json
import os
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import embedstore
from embedstore.corpus import DecodeLimits, Entry, Failure, decode_all, read
from embedstore.corpus.images import load, read_bytes, thumbnail
from embedstore.corpus.member import Member
from embedstore.errors import BadImage, Invalid, NotFound
from embedstore.types import IN_CATALOG, ImagePreprocess

SMALL = ImagePreprocess(32)


def jpeg(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(out, "JPEG")
    return out.getvalue()


def shard(path: Path, members: dict[str, bytes | str | dict], **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", **options) as tar:
        for name, content in members.items():
            data = content if isinstance(content, bytes) else None
            if data is None:
                data = (content if isinstance(content, str) else json.dumps(content)).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def split(path: Path, **options: object) -> tuple[list[Entry], list[Failure]]:
    found = list(read(path, **options).entries)
    return [one for one in found if isinstance(one, Entry)], [
        one for one in found if isinstance(one, Failure)
    ]


@pytest.fixture
def three(tmp_path: Path) -> Path:
    return shard(
        tmp_path / "dogs-000.tar",
        {
            "0001.jpg": jpeg("red"),
            "0001.txt": " a red dog \n",
            "0001.json": {"caption": "a red dog", "width": 60, "key": "x", "url": "there"},
            "deep/er/0002.JPG": jpeg("blue"),
            "deep/er/0002.cls": "7",
            "deep/er/0002.json": ["a blue dog", "blue"],
            "./0003.png": jpeg("green"),
            "./0003.seg.png": b"no picture",
            "./0003.txt": "grün",
        },
    )


def test_members_with_one_base_name_make_an_item(three: Path) -> None:
    corpus = read(three)
    first, second, third = corpus.entries
    assert corpus.root == "dogs-000"
    assert [one.key for one in (first, second, third)] == [
        "dogs-000/0001",
        "dogs-000/deep/er/0002",
        "dogs-000/0003",
    ]
    assert [one.texts for one in (first, second, third)] == [
        ("a red dog",),
        ("a blue dog", "blue"),
        ("grün",),
    ]
    assert first.meta == {"width": 60, "url": "there"}
    assert second.meta == {"cls": 7}
    assert read_bytes(first.image) == jpeg("red")
    assert read_bytes(third.image) == jpeg("green")


def test_pictures_decode_in_any_order_here_and_in_workers(three: Path, tmp_path: Path) -> None:
    found, _ = split(three)
    (tmp_path / "blue.jpg").write_bytes(jpeg("blue"))
    expected = load(tmp_path / "blue.jpg", SMALL)
    assert (load(found[1].image, SMALL) == expected).all()
    assert thumbnail(found[1].image, 16).startswith(b"\xff\xd8")
    for workers in (0, 1):
        decoded = list(decode_all(reversed(found), SMALL, workers=workers))
        assert [one.error for one in decoded] == [None] * 3
        assert (decoded[1].pixels == expected).all()


def test_the_stamp_changes_with_the_tar_and_only_then(three: Path) -> None:
    before, _ = split(three)
    assert split(three)[0] == before
    assert len({one.stamp for one in before}) == 3
    os.utime(three, ns=(1, 1))
    assert not {one.stamp for one in before} & {one.stamp for one in split(three)[0]}


def test_a_range_a_folder_and_a_list_of_shards(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    for number in range(3):
        shard(folder / f"s-{number:03d}.tar", {f"{number}.jpg": jpeg(), f"{number}.txt": "x"})
    (folder / "s-000_stats.json").write_text("{}")
    listed = folder / "all.txt"
    listed.write_text("s-002.tar\n\ns-000.tar\n")
    keys = ["s-000/0", "s-001/1", "s-002/2"]
    assert [one.key for one in split(folder)[0]] == keys
    assert read(folder).root == "pets"
    assert [one.key for one in split(folder / "s-{000..002}.tar")[0]] == keys
    assert [one.key for one in split(listed)[0]] == ["s-002/2", "s-000/0"]
    assert [one.key for one in split(folder, prefix="p")[0]][:1] == ["p/s-000/0"]
    assert [one.key for one in split(folder / "s-001.tar", prefix="p")[0]] == ["p/1"]
    (folder / "photo.jpg").write_bytes(jpeg())
    mixed = read(folder)
    assert [one.key for one in mixed.entries] == ["pets/photo.jpg"]
    assert mixed.skipped[".tar"] == 3, "and says that it left the tars out"


def test_a_missing_or_damaged_shard_is_a_failure_and_the_others_are_read(tmp_path: Path) -> None:
    for number in (0, 2, 3):
        shard(tmp_path / f"s-{number}.tar", {f"{number}.jpg": jpeg()})
    (tmp_path / "s-2.tar").write_bytes(b"rubbish" * 200)
    found, wrong = split(tmp_path / "s-{0..3}.tar")
    assert [one.key for one in found] == ["s-0/0", "s-3/3"]
    assert [one.key for one in wrong] == ["s-1", "s-2"]
    assert all(one.blind and "\n" not in one.reason for one in wrong)
    assert "No such file" in wrong[0].reason
    with pytest.raises(NotFound, match="none of its 2 shards"):
        read(tmp_path / "t-{0..1}.tar")
    with pytest.raises(NotFound):
        read(tmp_path / "t.tar")
    with pytest.raises(Invalid, match="means 0 shards"):
        read(tmp_path / "s-{5..1}.tar")


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tgz", "x.tar.zst"])
def test_a_compressed_tar_is_refused_with_advice(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(Invalid, match="gunzip"):
        read(tmp_path / name)


def test_a_compressed_tar_by_another_name_is_told_too(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.jpg"))
    _, (wrong,) = split(tmp_path / "x.tar")
    assert "compressed" in wrong.reason
    assert "gunzip" in wrong.reason


def test_what_is_wrong_with_a_sample_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    path = shard(
        tmp_path / "s.tar",
        {
            "a.seg": b"x",
            "b.jpg": jpeg(),
            "b.txt": b"\xff\xfe\xfa",
            "c.jpg": jpeg(),
            "c.json": "{",
            "d.jpg": jpeg(),
            "d.json": {"caption": 5},
            "e.jpg": jpeg(),
            "e.json": '{"size": NaN}',
            "f.txt": b"x" * (2 << 20),
            "g.txt": "words alone",
            "h.jpg": jpeg(),
            "h.json": '{"caption": "\\ud800"}',
            "i.txt": "  ",
            "j.jpg": jpeg(),
        },
    )
    found, wrong = split(path)
    assert [one.key for one in found] == ["s/g", "s/j"]
    assert [one.key for one in wrong] == [f"s/{name}" for name in "abcdefhi"]
    assert not any(one.blind or "\n" in one.reason for one in wrong)


def test_names_that_lead_out_links_and_hidden_members_are_harmless(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("../../etc/passwd.jpg", "/abs.jpg", "._hidden.jpg", "none"):
            info = tarfile.TarInfo(name)
            info.size = len(jpeg())
            tar.addfile(info, io.BytesIO(jpeg()))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("link.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    corpus = read(path)
    found = list(corpus.entries)
    assert [one.key for one in found] == ["s/_up/_up/etc/passwd", "s/abs"]
    assert all(read_bytes(one.image) == jpeg() for one in found)
    assert corpus.skipped == {".jpg": 1, "no suffix": 1, "link": 3}
    assert list(tmp_path.iterdir()) == [path]


def test_a_huge_member_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    info = tarfile.TarInfo("big.jpg")
    info.size = 1 << 30
    with path.open("wb") as file:
        file.write(info.tobuf())
        file.seek(info.size, os.SEEK_CUR)
        file.write(b"\0" * 1024)
    found, _ = split(path)
    with pytest.raises(BadImage, match="larger than the limit"):
        read_bytes(found[0].image, limits=DecodeLimits(bytes=1000))


def test_a_tar_that_ends_early_fails_in_one_line(three: Path) -> None:
    whole = three.read_bytes()
    place = split(three)[0][2].image
    three.write_bytes(whole[: place.offset + 100])
    with pytest.raises(BadImage, match="the tar ends after 100 of its"):
        read_bytes(place)
    found, (wrong,) = split(three)
    assert [one.key for one in found] == ["dogs-000/0001", "dogs-000/deep/er/0002"]
    assert wrong.blind
    three.write_bytes(whole[: place.offset - 512])
    found, (wrong,) = split(three)
    assert (len(found), wrong.blind) == (2, True)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_tar_never_raises_nor_hangs_and_never_ends_in_silence(
    seed: int, tmp_path_factory
) -> None:
    dice = random.Random(seed)
    path = shard(
        tmp_path_factory.mktemp("d") / "s.tar",
        {f"{n}.{e}": f"{n}" for n in range(6) for e in ("txt", "jpg")},
    )
    data = bytearray(path.read_bytes())
    header = 512 * dice.choice(range(0, 24, 2))  # members are one block each
    for _ in range(dice.choice((1, 4, 100))):
        data[header + dice.randrange(512)] ^= 1 << dice.randrange(8)
    path.write_bytes(data)
    found = list(read(path).entries)
    assert len(found) >= 6 or any(isinstance(one, Failure) and one.blind for one in found)


def test_a_shard_is_indexed_with_its_pictures_inside(three: Path, tmp_path: Path) -> None:
    with embedstore.open(tmp_path / "store") as store:
        made = store.create("dogs", "toy")
        report = embedstore.index(made, three, workers=0)
        assert (report.added, report.failed) == (3, [])
        again = embedstore.index(made, three, workers=0)
        assert again.unchanged == 3
        os.utime(three, ns=(1, 1))
        assert embedstore.index(made, three, workers=0).unchanged == 3, "the pictures are the same"
        three.unlink()
        hit = made.search("blue", k=1)[0]
        assert (hit.item.key, hit.item.image) == ("dogs-000/deep/er/0002", IN_CATALOG)
        assert made.image_bytes(hit.item.key) == jpeg("blue")
        assert made.thumbnail(hit.item.key, 16)


def test_a_tar_that_is_changed_between_decoding_and_storing_costs_that_picture_only(
    three: Path, tmp_path: Path, monkeypatch
) -> None:
    from embedstore import indexing

    real = indexing.decode_all

    def cut(*arguments, **named):
        for each in real(*arguments, **named):
            if each.entry.key.endswith("0002"):
                os.truncate(three, each.entry.image.offset + 3)
            yield each

    monkeypatch.setattr(indexing, "decode_all", cut)
    with embedstore.open(tmp_path / "store") as store:
        made = store.create("dogs", "toy")
        report = embedstore.index(made, three, workers=1)
        assert report.added == 1
        assert "dogs-000/deep/er/0002" in {one.key for one in report.failed}


def test_a_member_names_its_place() -> None:
    member = Member(Path("a/s.tar"), 512, 3, "0001.jpg")
    assert str(member) == os.fspath(member) == "a/s.tar/0001.jpg"


def test_samples_of_a_tar_of_a_folder_have_keys_without_dots(tmp_path):
    path = shard(tmp_path / "s.tar", {"./1.jpg": jpeg(), "./1.txt": "one", "./in/2.jpg": jpeg()})
    assert [each.key for each in read(path).entries] == ["s/1", "s/in/2"]
