"""Which index for how many vectors: a pure table, so that a plan can be read and tested.

| vectors           | device | first choice | where memory is short  |
|-------------------|--------|--------------|------------------------|
| up to 50,000      | cpu    | flat         | ivf_sq8, then as below |
| more              | cpu    | ivf_pq       | ivf_pq_small           |
| up to 4,000,000   | gpu    | flat         | ivf_sq8, ivf_pq8, cpu  |
| more              | gpu    | ivf_flat     | ivf_sq8, ivf_pq8, cpu  |

The ivf_pq here rotates its vectors at random before it quantises them and re-scores its
candidates exactly: of all CPU kinds measured it needs least time for a given recall. Where memory
is short, codes of half the bytes beat RaBitQ's, which are longer and scanned five times slower.
From `GRAPH_OF_CELLS` cells on, a graph finds the cells to visit sooner than a scan of all of them.
A GPU keeps more than a million flat rows in float16, and the CPU re-scores what it finds there;
what the GPUs cannot hold between them stays on the CPU. There ivf_pq8 stands for ivf_pq, whose
4-bit codes faiss scans on a CPU only. A cagra is never planned, only tried by `tune`: whether a
graph of pictures leads a text query to its neighbours, queries must tell. No GPU was at hand to
measure these.
nprobe and rerank are generous, because text queries may lie outside the distribution of image
vectors; `tune` finds what real queries need, often a quarter of it.
"""

from dataclasses import replace
from math import isqrt
from typing import Literal, get_args

from indexer.errors import BadVectors
from indexer.types import IndexSpec, Kind

Layout = Literal["copies", "shares"]

EXACT_ON_CPU = 50_000  # a scan of so many rows of 512 takes about 7 ms
GRAPH_UP_TO = 200_000  # a graph of more takes many minutes to build
EXACT_ON_GPU = 4_000_000
GRAPH_OF_CELLS = 4_000  # fewer cells are scanned as fast; a scan of more fills them slowly, too
GPU_KINDS: tuple[Kind, ...] = ("flat", "ivf_flat", "ivf_sq8", "ivf_pq8", "cagra")
GPU_SELECTS = 2048  # faiss's kernels select no more cells or neighbours for a query
GPU_WORKSPACE = 1 << 30  # for faiss to work in, on each GPU; with less it is said to be slow
HALF_ON_GPU = 1_000_000  # float32 rows of 512 take 2 GB; more are kept in float16 and re-scored

LEAST_CAGRA = 1_000  # cuVS needs more rows than links and codewords; a CPU fills such graphs soon
CAGRA_SELECTS = 512  # candidates kept for a query, up to which cuVS may pick any of its kernels

PQ_KINDS: tuple[Kind, ...] = ("ivf_pq", "ivf_pq_small")
ROTATED: tuple[Kind, ...] = (*PQ_KINDS, "ivf_pq8")
GRAPHS: tuple[Kind, ...] = ("hnsw", "cagra")

# Bytes of a code that faiss's GPU kernels were compiled for.
GPU_CODES = (96, 64, 56, 48, 40, 32, 28, 24, 20, 16, 12, 8, 4, 3, 2, 1)

POINTS_A_CELL = 39  # fewer train a cell badly (faiss says so on stderr)


def plan(
    n: int,
    dim: int,
    memory_bytes: int | None = None,
    gpus: int = 0,
    gpu_bytes: int | None = None,
) -> IndexSpec:
    """Pick an index.

    Args:
        n: Vectors to hold.
        dim: Their dimension.
        memory_bytes: What the index may take on its device; None for no limit.
        gpus: GPUs that faiss sees.
        gpu_bytes: What each of them has free; None where that is not known.

    Returns:
        The first of the table's kinds that fits, or the smallest where none does.
    """
    choices = [complete(IndexSpec(kind, dim), n) for kind in _cpu_kinds(n)]
    if gpus:
        first: Kind = "flat" if n <= EXACT_ON_GPU else "ivf_flat"
        on_gpu: list[Kind] = [first, "ivf_sq8", "ivf_pq8"]
        there = [complete(IndexSpec(kind, dim, device="gpu"), n) for kind in on_gpu]
        choices = [spec for spec in there if layout(spec, n, gpus, gpu_bytes)] + choices
    if memory_bytes is None:
        return choices[0]
    for spec in choices:
        if footprint(spec, n) <= memory_bytes:
            return spec
    return min(choices, key=lambda spec: footprint(spec, n))


def candidates(n: int, dim: int, gpus: int = 0) -> list[IndexSpec]:
    """Give the indexes worth trying for a promise of recall, in no order; see `plan`."""
    kinds: list[Kind] = ["flat", "ivf_sq8", *PQ_KINDS]
    if n <= GRAPH_UP_TO:
        kinds.append("hnsw")
    here = [complete(IndexSpec(kind, dim), n) for kind in kinds]
    there = [complete(IndexSpec(kind, dim, device="gpu"), n) for kind in GPU_KINDS]
    return here + there if gpus else here


def _cpu_kinds(n: int) -> list[Kind]:
    return ["flat", "ivf_sq8", *PQ_KINDS] if n <= EXACT_ON_CPU else [*PQ_KINDS]


def complete(spec: IndexSpec, n: int) -> IndexSpec:
    """Fill in the parameters that are 0 and bound the others by what n vectors can train.

    Raises:
        BadVectors: An unknown kind, or a dimension below 1.
    """
    if spec.kind not in get_args(Kind) or spec.dim < 1:
        raise BadVectors(
            f"an index of kind {spec.kind!r} and dimension {spec.dim} was asked for, "
            f"expected one of {', '.join(get_args(Kind))} and a dimension from 1"
        )
    if spec.kind == "flat":
        rerank = max(spec.rerank, 4) if in_halves(spec, n) else 1
        return replace(spec, nlist=0, nprobe=0, links=0, ef=0, rerank=rerank)
    if spec.kind in GRAPHS:
        return _complete_graph(spec, n)
    cells = spec.nlist or 2 * isqrt(n)
    nlist = max(1, min(cells, n // POINTS_A_CELL))
    most = min(nlist, GPU_SELECTS) if spec.device == "gpu" else nlist
    nprobe = min(most, spec.nprobe or max(64, nlist // 5))
    default_rerank = {"ivf_flat": 1, "ivf_sq8": 4}.get(spec.kind, 40)
    rerank = max(spec.rerank, default_rerank) if spec.rerank <= 1 else spec.rerank
    return replace(spec, nlist=nlist, nprobe=nprobe, links=0, ef=0, rerank=rerank)


def _complete_graph(spec: IndexSpec, n: int) -> IndexSpec:
    device = "cpu" if spec.kind == "cagra" and n < LEAST_CAGRA else spec.device
    ef = min(spec.ef or 512, CAGRA_SELECTS) if device == "gpu" else spec.ef or 512
    rerank = max(spec.rerank, 4 if spec.kind == "hnsw" else 1)  # a cagra holds its rows in float32
    links = spec.links or 32
    return replace(spec, nlist=0, nprobe=0, links=links, ef=ef, rerank=rerank, device=device)


def has_graph_of_cells(spec: IndexSpec) -> bool:
    """Tell whether a graph finds the cells to visit; a GPU scans them."""
    return spec.nlist >= GRAPH_OF_CELLS and spec.device == "cpu"


def in_halves(spec: IndexSpec, n: int) -> bool:
    """Tell whether a GPU keeps the rows of a flat index in float16; the CPU then re-scores."""
    return spec.kind == "flat" and spec.device == "gpu" and n >= HALF_ON_GPU


def is_exact(spec: IndexSpec, n: int) -> bool:
    """Tell whether an index of n vectors finds every neighbour, whatever is asked."""
    return spec.kind == "flat" and not in_halves(spec, n)


def layout(spec: IndexSpec, n: int, gpus: int, gpu_bytes: int | None) -> Layout | None:
    """Tell whether each GPU can hold the index, or a share of its rows, or neither (None).

    Args:
        spec: What to hold.
        n: Its vectors.
        gpus: How many there are.
        gpu_bytes: What each has free; None where that is not known: then a copy is tried.
    """
    room = workspace(spec, n)
    if gpu_bytes is None or footprint(spec, n) + room <= gpu_bytes:
        return "copies"
    fits = gpus_used(spec, gpus) > 1 and share(spec, n, gpus) + room <= gpu_bytes
    return "shares" if fits else None


def gpus_used(spec: IndexSpec, gpus: int) -> int:
    """Give how many GPUs an index is put on; faiss has no way to divide or to copy a cagra."""
    return min(gpus, 1) if spec.kind == "cagra" else gpus


def can_select(spec: IndexSpec, candidates: int) -> bool:
    """Tell whether a GPU can give so many candidates for a query, as widely as the spec says."""
    most = CAGRA_SELECTS if spec.kind == "cagra" else GPU_SELECTS
    return max(candidates, spec.nprobe, spec.ef) <= most


def workspace(spec: IndexSpec, n: int) -> int:
    """Estimate the bytes that each GPU works in beside an index.

    A cagra is filled there: cuVS takes codes of a quarter of the dimension and a graph of twice
    the links, which it prunes, beside whatever faiss is allowed.
    """
    filling = n * (spec.dim + 28 * spec.links) if spec.kind == "cagra" else 0
    return GPU_WORKSPACE + filling


def share(spec: IndexSpec, n: int, gpus: int) -> int:
    """Estimate the bytes of an index on each of several GPUs; each has all cells' centroids."""
    return footprint(spec, n) // gpus + 4 * spec.dim * spec.nlist


def rotated(dim: int) -> int:
    """Give the dimension to rotate into: of eights, so that codes of two and four fit."""
    return -(-dim // 8) * 8


def sub_quantizers(dim: int, kind: Kind = "ivf_pq") -> int:
    """Give the product quantizers of 4 bits each: the most that divide dim, up to dim / 2.

    An ivf_pq_small has at most half as many; those of an ivf_pq8 have 8 bits, and are as many as
    a GPU knows.
    """
    if kind == "ivf_pq8":
        return next((each for each in GPU_CODES if dim % each == 0 and 2 * each <= dim), 1)
    least = 2 if kind == "ivf_pq" else 4
    return next((dim // width for width in range(least, dim + 1) if dim % width == 0), 1)


def footprint(spec: IndexSpec, n: int) -> int:
    """Estimate the bytes an index of n vectors holds on its device, ids included.

    The float16 matrix that all kinds but flat re-score from is left out: it is a mapped file,
    and a search touches only its candidates' rows.
    """
    ids, cell_ids = 8, 8
    codes = sub_quantizers(rotated(spec.dim), spec.kind)
    each = {
        "flat": (2 if in_halves(spec, n) else 4) * spec.dim,
        "ivf_flat": 4 * spec.dim + cell_ids,
        "ivf_sq8": spec.dim + cell_ids,
        **dict.fromkeys(PQ_KINDS, (codes + 1) // 2 + cell_ids),
        "ivf_pq8": codes + cell_ids,
        "hnsw": spec.dim + 8 * spec.links + 16,
        "cagra": 4 * spec.dim + 8 * spec.links + 16,
    }[spec.kind]
    codewords = 16 if spec.kind in PQ_KINDS else 2 * 256  # which a GPU keeps in two orders
    rotation = 4 * spec.dim * (spec.dim + codewords) if spec.kind in ROTATED else 0
    # On a GPU each cell's rows fill blocks of 32.
    rows = n + 32 * spec.nlist if spec.device == "gpu" else n
    return rows * (each + ids) + 4 * spec.dim * spec.nlist + rotation
