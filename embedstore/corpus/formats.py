"""Which picture formats are let in, told by their first bytes and never by their name."""

import importlib.util
from functools import cache

from PIL import features

from embedstore.errors import BadImage

# Pillow opens some forty formats; most are rare, and several start programs or never end.
DECODERS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
    | {".avif", ".heic", ".heif", ".ppm", ".pgm", ".pbm", ".pnm"}
)
EXPECTED = "a whole JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or PPM picture"
UNKNOWN = "application/octet-stream"

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def media_type(data: bytes) -> str:
    """Name the media type that the first bytes announce.

    Args:
        data: The start of a file; 32 bytes are enough.

    Returns:
        Such as "image/jpeg"; "application/octet-stream" where nothing known is announced.
    """
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return _of_brands(data[8:32])
    if data[:1] == b"P" and data[1:2] in b"123456fFyx7" and len(data) > 2:
        return "image/x-portable-anymap"
    return UNKNOWN


def decoders(data: bytes, name: str) -> tuple[str, ...]:
    """Name the Pillow decoders that may look at these bytes.

    Raises:
        BadImage: An HEIF picture without the package that reads it.
    """
    kind = media_type(data)
    if kind == "image/heif":
        _register_heif(name)
        return ("HEIF",)
    if kind == "image/avif" and features.check("avif"):
        return ("AVIF",)
    return DECODERS


def _of_brands(brands: bytes) -> str:
    names = {brands[at : at + 4] for at in range(0, len(brands), 4)}
    if names & {b"avif", b"avis"}:
        return "image/avif"
    return "image/heif" if names & _HEIF_BRANDS else UNKNOWN


def _register_heif(name: str) -> None:
    if importlib.util.find_spec("pillow_heif") is None:
        raise BadImage(
            f"{name}: is an HEIF picture, which needs the package pillow-heif; "
            "run pip install 'embedstore[heif]', or convert it to JPEG"
        )
    _open_heif()


@cache
def _open_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
