"""Beam search: the most probable line of pieces, found the same way every time.

The length penalty is that of Wu et al., https://arxiv.org/abs/1609.08144, without its constant.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Advance = Callable[[Sequence[int], Sequence[int]], Tensor]
"""Takes for each beam the beam it goes on from and its newest piece; `(beams, v)` log-probabilities
of the next."""
_Step = tuple[int, int, float]  # beam, piece, log-probability of the line with it


@dataclass(frozen=True)
class Search:
    """How a line is looked for.

    Attributes:
        beams: Lines that are followed at once.
        most: Pieces of a line at most, its end not counted.
        penalty: Exponent of the length that a line's log-probability is divided by.
        unrepeated: Number of pieces in a row that a line never says twice; 0 lets it.
        trust: What a line gains, in units of its score, where all neighbours say the same.
        fit: What a line gains for each unit of its score with the picture.
        fitted: So many lines, the best so far, are scored with the picture.
    """

    beams: int = 4
    most: int = 30
    penalty: float = 0.7
    unrepeated: int = 3
    trust: float = 0.0
    fit: float = 0.0
    fitted: int = 4


@dataclass(frozen=True)
class Line:
    """What was found.

    Attributes:
        pieces: Without the end.
        score: Log-probability over a power of the length.
        fit: Score with the picture; 0 where it was not asked for.
    """

    pieces: tuple[int, ...]
    score: float
    fit: float = 0.0


def search(first: Tensor, advance: Advance, end: int, settings: Search) -> list[Line]:
    """Find the best lines, best first.

    Args:
        first: `(v,)`, log-probabilities of the first piece.
        advance: Goes on with each beam.
        end: The piece that ends a line.
        settings: How.

    Returns:
        At least one line, none of them empty unless nothing else can be written.
    """
    first = first.clone()
    first[end] = -torch.inf  # an empty line says nothing
    lines: list[tuple[int, ...]] = [()]
    scores = torch.zeros(1)
    following = first[None]
    done: list[Line] = []
    for length in range(settings.most + 1):
        last = length == settings.most
        totals = scores[:, None] + _allowed(following, lines, end, settings.unrepeated, last)
        ended, going = _best(totals, end, settings.beams)
        done += [_line(lines[row], total, settings.penalty) for row, _, total in ended]
        if not going or len(done) >= settings.beams:
            break
        scores = torch.tensor([total for _, _, total in going])
        lines = [(*lines[row], piece) for row, piece, _ in going]
        following = advance([row for row, _, _ in going], [piece for _, piece, _ in going])
    done.sort(key=lambda line: -line.score)
    return done[: settings.beams] or [Line((), 0.0)]


def _allowed(
    following: Tensor, lines: Sequence[tuple[int, ...]], end: int, unrepeated: int, last: bool
) -> Tensor:
    """Rule out what would say the same words in a row again, and all but the end at the end."""
    following = following.clone()
    if last:
        kept = following[:, end].clone()
        following[:] = -torch.inf
        following[:, end] = kept
        return following
    for row, line in enumerate(lines):
        following[row, _repeating(line, unrepeated)] = -torch.inf
    return following


def _repeating(line: tuple[int, ...], unrepeated: int) -> list[int]:
    if unrepeated < 1 or len(line) < unrepeated:
        return []
    tail = line[len(line) - unrepeated + 1 :]
    starts = range(len(line) - unrepeated + 1)
    return [line[at + unrepeated - 1] for at in starts if line[at : at + unrepeated - 1] == tail]


def _line(pieces: tuple[int, ...], total: float, penalty: float) -> Line:
    return Line(pieces, total / (len(pieces) + 1) ** penalty)


def _best(totals: Tensor, end: int, beams: int) -> tuple[list[_Step], list[_Step]]:
    """Give the lines that end, where they are among the best, and the best that go on."""
    found = totals.flatten().topk(min(2 * beams, totals.numel()))
    width = totals.shape[1]
    steps = [
        (index // width, index % width, total)
        for index, total in zip(found.indices.tolist(), found.values.tolist(), strict=True)
        if total > -torch.inf
    ]
    ended = [step for step in steps[:beams] if step[1] == end]
    return ended, [step for step in steps if step[1] != end][:beams]
