"""How good words are: scores of texts against references, as pure functions."""

from embedstore.text_metrics.bleu import bleu
from embedstore.text_metrics.chrf import chrf
from embedstore.text_metrics.cider import CiderD
from embedstore.text_metrics.clip_score import clip_score
from embedstore.text_metrics.meteor import meteor, meteor_missing
from embedstore.text_metrics.rouge import rouge_l
from embedstore.text_metrics.signature import signature
from embedstore.text_metrics.tokens import tokenise
from embedstore.text_metrics.vqa import normalise_answer, vqa_accuracy
from embedstore.text_metrics.wups import wordnet_similarity, wups, wups_missing

__all__ = [
    "CiderD",
    "bleu",
    "chrf",
    "clip_score",
    "meteor",
    "meteor_missing",
    "normalise_answer",
    "rouge_l",
    "signature",
    "tokenise",
    "vqa_accuracy",
    "wordnet_similarity",
    "wups",
    "wups_missing",
]
