"""Pictures of every kind become the pixels that torchvision makes of them."""

import contextlib
import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from embedstore.corpus import DecodeLimits
from embedstore.corpus.images import fit, load, media_type, read_bytes, thumbnail
from embedstore.errors import BadImage
from embedstore.types import ImagePreprocess

SMALL = ImagePreprocess(32)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gradient(width: int = 64, height: int = 64) -> Image.Image:
    across = np.linspace(0, 255, width)[None, :, None]
    down = np.linspace(0, 255, height)[:, None, None]
    values = np.broadcast_to((across + down) / 2, (height, width, 3))
    return Image.fromarray(values.astype(np.uint8))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
def test_each_format_is_read_and_named(kind: str) -> None:
    data = encoded(gradient(), kind)
    expected = fit(gradient(), SMALL).astype(int)
    assert np.abs(load(data, SMALL) - expected).mean() < 6
    assert media_type(data) == Image.MIME.get(kind, "image/x-portable-anymap")


def test_pixels_are_square_rgb_and_writable(photo) -> None:
    pixels = load(photo(), SMALL)
    assert (pixels.shape, pixels.dtype, pixels.flags.writeable) == ((32, 32, 3), np.uint8, True)


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    size=st.integers(8, 96),
    bilinear=st.booleans(),
)
def test_a_strip_is_resized_as_if_whole(width: int, height: int, size: int, bilinear: bool) -> None:
    """Long strips take a shorter way, where Pillow may scale the two sides in the other order."""
    preprocess = ImagePreprocess(size, interpolation="bilinear" if bilinear else "bicubic")
    rng = np.random.default_rng(width * 1000 + height)
    image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    short = min(width, height)
    target = (
        size if width == short else int(size * width / short),
        size if height == short else int(size * height / short),
    )
    filters = {True: Image.Resampling.BILINEAR, False: Image.Resampling.BICUBIC}
    whole = np.asarray(image.resize(target, filters[bilinear]))
    top, left = round((target[1] - size) / 2), round((target[0] - size) / 2)
    expected = whole[top : top + size, left : left + size].astype(int)
    difference = np.abs(fit(image, preprocess) - expected)
    if max(target) <= 16 * size:
        assert difference.max() == 0
    else:
        assert difference.mean() < 4


def test_squash_keeps_the_edges() -> None:
    image = gradient(100, 40)
    pixels = fit(image, ImagePreprocess(32, resize="squash"))
    assert (pixels == np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC))).all()


def test_shrinking_while_decoding_changes_little() -> None:
    data = encoded(gradient(1600, 1200), "JPEG", quality=90)
    whole = fit(Image.open(io.BytesIO(data)), SMALL).astype(int)
    assert np.abs(load(data, SMALL) - whole).mean() < 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    image = gradient(64, 48)
    exif = Image.Exif()
    exif[0x0112] = orientation
    from PIL import ImageOps

    data = encoded(image, "PNG", exif=exif)
    expected = fit(ImageOps.exif_transpose(Image.open(io.BytesIO(data))), SMALL)
    assert (load(data, SMALL) == expected).all()


def test_damaged_exif_leaves_the_picture_upright() -> None:
    data = encoded(gradient(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40)
    assert (load(data, SMALL) == load(encoded(gradient(), "JPEG"), SMALL)).all()


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGBA", (40, 40), (0, 0, 0, 0)),
        Image.new("LA", (40, 40), (0, 0)),
        Image.new("I;16", (40, 40), 65535),
        Image.new("1", (40, 40), 1),
        Image.new("L", (40, 40), 255),
        Image.new("P", (40, 40), 0),
    ],
    ids=lambda image: image.mode,
)
def test_transparent_and_white_are_white(image: Image.Image) -> None:
    options = {}
    if image.mode == "P":
        image.putpalette([10, 20, 30] * 256)
        options["transparency"] = 0
    assert (load(encoded(image, "PNG", **options), SMALL) == 255).all()


def test_cmyk_becomes_rgb() -> None:
    data = encoded(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "JPEG")
    red, green, blue = load(data, SMALL).reshape(-1, 3).mean(0)
    assert red > 200 > 60 > max(green, blue)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_wide_values_are_stretched(mode: str) -> None:
    values = np.linspace(-5, 70000, 64 * 64).reshape(64, 64)
    image = Image.fromarray(values.astype(np.int32 if mode == "I" else np.float32))
    pixels = load(encoded(image, "TIFF"), SMALL)
    assert pixels[0].mean() < 10
    assert pixels[-1].mean() > 245


def test_wide_pictures_are_bounded_by_their_area_only() -> None:
    assert load(encoded(gradient(20_000, 30), "PNG"), SMALL).shape == (32, 32, 3)
    with pytest.raises(BadImage, match=r"announces 20000 x 30 pixels; expected at most 500,000;"):
        load(encoded(gradient(20_000, 30), "PNG"), SMALL, DecodeLimits(pixels=500_000))


def test_a_bomb_is_refused_by_its_header() -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", 9_000, 9_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(BadImage, match="announces 9000 x 9000"):
        load(bomb, SMALL)


BAD_BYTES = {
    "text": (b"this is no picture", "its format is not known"),
    "nothing": (b"", "is empty"),
    "truncated": (encoded(gradient(), "JPEG")[:500], "its file ends too early"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "its format is not known"),
    "heif": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF|cannot be decoded"),
}


@pytest.mark.parametrize("case", BAD_BYTES)
def test_bad_files_say_what_was_seen_and_what_to_do(case: str, tmp_path: Path) -> None:
    data, seen = BAD_BYTES[case]
    path = tmp_path / f"{case}.jpg"
    path.write_bytes(data)
    with pytest.raises(BadImage, match=seen) as caught:
        load(path, SMALL)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert "; " in message


def test_large_files_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadImage, match="limit of 20,971,520 bytes"):
        load(path, SMALL)


def test_what_cannot_be_opened_says_so(tmp_path: Path, photo, monkeypatch) -> None:
    import os

    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    path = photo("secret.jpg")
    for name, seen in {
        "folder.jpg": "is a folder",
        "pipe.jpg": "is a pipe",
        "gone.jpg": "No such file",
        "nul\0.jpg": "null byte",
    }.items():
        with pytest.raises(BadImage, match=seen):
            load(tmp_path / name, SMALL)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadImage, match=r"secret\.jpg: cannot be read \(Permission denied\)"):
        load(path, SMALL)


def test_a_message_can_be_printed_whatever_the_file_is_called(tmp_path: Path) -> None:
    with pytest.raises(BadImage, match=r"cli\\xff\.jpg: cannot be read") as caught:
        read_bytes(tmp_path / "cli\udcff.jpg")
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "there is too little memory"),
        (RecursionError("deep"), "its data are damaged"),
        (struct.error("short"), "its data are damaged"),
        (OSError("image file is truncated (25 bytes not processed)"), "its file ends too early"),
        (Image.DecompressionBombError("Image size (9) exceeds"), "it announces too many pixels"),
    ],
)
def test_whatever_a_decoder_throws_is_told_in_plain_words(
    error: Exception, told: str, photo, monkeypatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    path = photo()
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(BadImage, match=rf"photo\.jpg: cannot be decoded \({told}\)"):
        load(path, SMALL)


PICTURES = {
    "JPEG": encoded(gradient(24, 24), "JPEG"),
    "PNG": encoded(gradient(24, 24), "PNG"),
    "GIF": encoded(gradient(24, 24), "GIF"),
    "WEBP": encoded(gradient(24, 24), "WEBP"),
    "TIFF": encoded(gradient(24, 24), "TIFF", compression="tiff_lzw"),
    "BMP": encoded(gradient(12, 12), "BMP"),
}


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(PICTURES)),
    flips=st.lists(st.integers(0, 1 << 20), max_size=8),
    keep=st.floats(0, 1),
)
def test_damage_gives_pixels_or_a_bad_image(kind: str, flips: list[int], keep: float) -> None:
    data = bytearray(PICTURES[kind])
    for bit in flips:
        data[bit // 8 % len(data)] ^= 1 << bit % 8
    damaged = bytes(data[: len(data) if keep > 0.5 else int(len(data) * keep * 2)])
    with contextlib.suppress(BadImage):
        assert load(damaged, SMALL).shape == (32, 32, 3)


def test_warnings_stay_inside_also_with_threads(monkeypatch) -> None:
    """A large picture makes Pillow warn; the filters are put back whatever the threads do."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3_000)
    data = encoded(gradient(64, 64), "PNG")
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(data)).close()
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: load(data, SMALL), range(40)))
    assert all((pixels == results[0]).all() for pixels in results)
    assert warnings.filters == before


def test_thumbnail_is_a_small_upright_jpeg(photo) -> None:
    data = thumbnail(photo("wide.png", 300, 150), 64)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("JPEG", (64, 32))
    with pytest.raises(BadImage, match="its format is not known"):
        thumbnail(b"nothing", 64)
