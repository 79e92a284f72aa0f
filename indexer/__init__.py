"""Vectors in, neighbours out: numpy and faiss, no SQL, no HTTP, no torch.

faiss is imported by the first index that is built or opened, not by this package.
"""

from indexer.errors import BadVectors, CorruptSnapshot, DiskFull, IndexerError, NoDevice
from indexer.faiss_build import build
from indexer.faiss_index import FaissIndex
from indexer.flat import FlatIndex
from indexer.gpu import explain, gpu_count
from indexer.planner import footprint, plan
from indexer.snapshot import Published
from indexer.types import NO_ID, AnnIndex, IndexSpec, Neighbors
from indexer.vector_set import VectorSet

__all__ = [
    "AnnIndex",
    "BadVectors",
    "CorruptSnapshot",
    "DiskFull",
    "FaissIndex",
    "FlatIndex",
    "IndexSpec",
    "IndexerError",
    "NO_ID",
    "Neighbors",
    "NoDevice",
    "Published",
    "VectorSet",
    "build",
    "explain",
    "footprint",
    "gpu_count",
    "plan",
]
