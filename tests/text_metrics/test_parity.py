"""The scores are those of the packages everybody reports with: by value, and live where installed."""

import pytest

from embedstore.text_metrics import CiderD, bleu, chrf, meteor, meteor_missing, rouge_l, tokenise

EXACT = {"rel": 1e-9, "abs": 1e-12}


def test_the_tokeniser_gives_the_words_of_pycocoevalcap(golden):
    assert len(golden.tokens) > 30
    for text, words in golden.tokens:
        assert tokenise(text) == words.split(), text


def test_bleu_is_that_of_pycocoevalcap(golden):
    assert bleu(golden.candidates, golden.references) == pytest.approx(golden.bleu, **EXACT)
    shorter = bleu(golden.candidates, golden.references, n=2)
    assert shorter == pytest.approx(golden.bleu[:2], **EXACT)


def test_rouge_l_is_that_of_pycocoevalcap(golden):
    assert rouge_l(golden.candidates, golden.references) == pytest.approx(golden.rouge_l, **EXACT)


def test_cider_d_is_that_of_pycocoevalcap(golden):
    mean, items = CiderD(golden.references).corpus(golden.candidates, golden.references)
    assert mean == pytest.approx(golden.cider["mean"], **EXACT)
    assert items == pytest.approx(golden.cider["items"], **EXACT)


def test_chrf_is_that_of_sacrebleu(golden):
    assert chrf(golden.candidates, golden.references) == pytest.approx(golden.chrf, **EXACT)
    single = [
        chrf([candidate], [texts])
        for candidate, texts in zip(golden.candidates, golden.references, strict=True)
    ]
    assert single == pytest.approx(golden.chrf_items, **EXACT)


@pytest.mark.skipif(meteor_missing() is not None, reason=f"no METEOR: {meteor_missing()}")
def test_meteor_is_that_of_the_jar(golden):
    found = meteor(golden.candidates, golden.references)
    assert found == pytest.approx(golden.meteor, abs=1e-6)
    assert meteor([""], [["a dog"]]) == 0


def test_meteor_is_none_where_java_is_missing(golden, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert meteor(golden.candidates, golden.references) is None
    assert "install" in (meteor_missing() or "")


def test_captions_of_a_corpus_score_as_in_the_installed_package(shared_data):
    bleu_of = pytest.importorskip("pycocoevalcap.bleu.bleu").Bleu
    rouge_of = pytest.importorskip("pycocoevalcap.rouge.rouge").Rouge
    cider_of = pytest.importorskip("pycocoevalcap.cider.cider").Cider
    import json

    images = json.loads((shared_data / "flickr8k" / "dataset_flickr8k.json").read_text())["images"]
    said = [[sentence["raw"] for sentence in image["sentences"]] for image in images[:200]]
    candidates, references = [texts[0] for texts in said], [texts[1:] for texts in said]
    given = {n: [" ".join(tokenise(text))] for n, text in enumerate(candidates)}
    wanted = {n: [" ".join(tokenise(t)) for t in texts] for n, texts in enumerate(references)}
    theirs, _ = bleu_of(4).compute_score(wanted, given, verbose=0)
    assert bleu(candidates, references) == pytest.approx(theirs, **EXACT)
    theirs, _ = rouge_of().compute_score(wanted, given)
    assert rouge_l(candidates, references) == pytest.approx(theirs, **EXACT)
    mean, items = cider_of().compute_score(wanted, given)
    ours = CiderD(references).corpus(candidates, references)
    assert ours[0] == pytest.approx(mean, **EXACT)
    assert ours[1] == pytest.approx(list(items), **EXACT)
