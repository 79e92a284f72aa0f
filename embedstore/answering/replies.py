"""Replies of a store into one: the best ones, nothing said twice."""

import re
from collections.abc import Iterator, Sequence
from math import log

import numpy as np

from embedstore.answering.consensus import LEAST
from embedstore.answering.types import Draft, Evidence, Prompt
from embedstore.answering.votes import weights
from embedstore.text_metrics import normalise_answer, tokenise

REPLIES = 2  # neighbours whose replies are put together
NEAR = 0.1  # a further reply is added where its question scores no more than this below the best
REPEATED = 0.6  # share of a sentence's words that were said before, which makes it a repetition
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class RepliesGenerator:
    """Copies the replies to the questions nearest to the one asked."""

    name = "replies"

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft a prompt, of sentences that evidence holds; see `Generator.generate`."""
        return [_draft(prompt.evidence) for prompt in prompts]


def _draft(evidence: Sequence[Evidence]) -> Draft:
    share = weights([each.score for each in evidence])
    best = max((each.score for each in evidence if each.answers), default=0.0)
    said, support = list[str](), np.zeros(len(evidence))
    for place in _nearest(evidence, best):
        fresh = [one for one in _sentences(evidence[place]) if not _repeats(one, said)]
        if fresh:
            said += fresh
            support[place] = sum(map(len, fresh))
        else:  # it says the same, so the reply rests on it as well
            support[place] = sum(map(len, said)) / 2
    whole = sum(map(len, said))
    shares = np.clip(support / max(whole, 1), 0.0, 1.0) if said else np.zeros(len(evidence))
    agreement = float(share[shares > 0].sum())
    signals = {"agreement": agreement, "sentences": float(len(said))}
    text = " ".join(" ".join(said).split())
    return Draft(text, tuple(shares.tolist()), log(min(max(agreement, LEAST), 1.0)), signals)


def _nearest(evidence: Sequence[Evidence], best: float) -> Iterator[int]:
    near = [at for at, each in enumerate(evidence) if each.answers and each.score >= best - NEAR]
    return iter(sorted(near, key=lambda at: -evidence[at].score)[:REPLIES])


def _sentences(evidence: Evidence) -> list[str]:
    """Give the sentences of the first answer; others are other people's words for the same."""
    return [one for one in _SENTENCE.split(evidence.answers[0].strip()) if one.strip()]


def _repeats(sentence: str, said: Sequence[str]) -> bool:
    words = set(tokenise(sentence)) or {normalise_answer(sentence)}
    known = {word for each in said for word in (tokenise(each) or [normalise_answer(each)])}
    return bool(said) and len(words & known) / len(words) >= REPEATED
