"""How a filtered search finds its rows: a pure model of cost, in nanoseconds a coordinate.

Two ways are right whatever the filter. Scanning scores every allowed row. Fetching asks the index
for so many candidates that some multiple of k of them will be allowed, drops the others and
re-scores the rest: where enough are left, the best allowed rows are among them, because whatever
scores higher was fetched too; where too few are left, the filter shuns the neighbourhood of the
query, and the allowed rows are scanned. A selector inside the index has no such sign: it returns k
allowed rows of the cells or links it visits, and under a filter that shuns these cells they are
not the best (recall of hnsw at .5% allowed: .46).
"""

from dataclasses import dataclass
from math import ceil

from indexer.planner import GRAPHS
from indexer.types import IndexSpec, Kind

SCANNED = 0.35  # of an allowed row, where it lies
SKIPPED_ROW = 3.0  # a row that the scan passes over, whatever its dimension
RESCORED = 2.5  # of a fetched row that is allowed
FETCHED_ROW = 100.0  # a candidate kept, sorted and looked up in the filter
VISITED: dict[Kind, float] = {
    "ivf_flat": 0.2,
    "ivf_sq8": 0.1,
    "ivf_pq": 0.05,
    "ivf_pq_small": 0.025,
    "ivf_pq8": 0.1,  # not measured, nor is cagra: taken for the kinds most like them
    "hnsw": 6.0,
    "cagra": 6.0,
}

WANTED = 4  # allowed candidates asked for, as a multiple of k
ENOUGH = 2  # allowed candidates that suffice, as a multiple of k
SPARE = 40


@dataclass(frozen=True)
class Fetch:
    """Fetch candidates and drop those not allowed.

    Attributes:
        count: Candidates for a query.
        widen: How many times the cells of an unfiltered search are visited. A filter spreads the
            neighbours over more cells: over twice as many where a twentieth is allowed, over
            three times as many where whole clusters are.
    """

    count: int
    widen: float


def plan_filter(spec: IndexSpec, n: int, allowed: int, k: int) -> Fetch | None:
    """Choose how to find the k best allowed rows; None is to scan them.

    Args:
        spec: Of the index.
        n: Its rows.
        allowed: How many of them may be returned, above 0.
        k: Rows wanted, above 0.
    """
    share = allowed / n
    fetch = Fetch(ceil(max(WANTED, spec.rerank * share) * k / share) + SPARE, share**-0.5)
    if spec.kind == "flat" or fetch.count > n:
        return None
    return fetch if fetch_cost(spec, n, share, fetch) < scan_cost(spec, n, allowed) else None


def scan_cost(spec: IndexSpec, n: int, allowed: int) -> float:
    """Estimate the nanoseconds that scanning the allowed rows takes for a query."""
    return allowed * spec.dim * SCANNED + n * SKIPPED_ROW


def fetch_cost(spec: IndexSpec, n: int, share: float, fetch: Fetch) -> float:
    """Estimate the nanoseconds that fetching takes for a query."""
    if spec.kind in GRAPHS:
        visited = float(fetch.count)
    else:
        visited = spec.nlist + n * min(1.0, fetch.widen * spec.nprobe / spec.nlist)
    candidates = FETCHED_ROW + share * spec.dim * RESCORED
    return visited * spec.dim * VISITED[spec.kind] + fetch.count * candidates
