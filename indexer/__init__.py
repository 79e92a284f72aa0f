"""Vectors in, neighbours out: numpy and faiss, no SQL, no HTTP, no torch.

faiss is imported by the first index that is built or opened, not by this package.
"""

from indexer.errors import BadVectors, CorruptSnapshot, DiskFull, IndexerError, NoDevice, NotReached
from indexer.faiss_build import build
from indexer.faiss_index import FaissIndex
from indexer.flat import FlatIndex
from indexer.gpu import explain, gpu_count, usable
from indexer.planner import footprint, is_exact, plan
from indexer.proof import queries_to_prove
from indexer.snapshot import Published
from indexer.truth import exact_neighbors, lower_bound, neighbor_recall
from indexer.tune import Candidate, Tuning, settle, tune
from indexer.types import NO_ID, AnnIndex, Device, IndexSpec, Kind, Neighbors
from indexer.vector_set import VectorSet

__all__ = [
    "AnnIndex",
    "BadVectors",
    "Candidate",
    "CorruptSnapshot",
    "Device",
    "DiskFull",
    "FaissIndex",
    "FlatIndex",
    "IndexSpec",
    "IndexerError",
    "Kind",
    "NO_ID",
    "Neighbors",
    "NoDevice",
    "NotReached",
    "Published",
    "Tuning",
    "VectorSet",
    "build",
    "exact_neighbors",
    "explain",
    "footprint",
    "gpu_count",
    "is_exact",
    "lower_bound",
    "neighbor_recall",
    "plan",
    "queries_to_prove",
    "settle",
    "tune",
    "usable",
]
