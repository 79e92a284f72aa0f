"""What comes in: readers of folders and caption files, and the decoding of their pictures."""

from embedstore.corpus.bounds import DecodeLimits
from embedstore.corpus.decoder import Decoded, decode_all, default_workers
from embedstore.corpus.entry import Corpus, Entry, Failure, printable
from embedstore.corpus.reader import read

__all__ = [
    "Corpus",
    "DecodeLimits",
    "Decoded",
    "Entry",
    "Failure",
    "decode_all",
    "default_workers",
    "printable",
    "read",
]
