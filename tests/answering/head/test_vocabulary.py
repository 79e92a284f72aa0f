from hypothesis import given
from hypothesis import strategies as st

from embedstore.answering.head.vocabulary import Vocabulary, plain

LEARNT = Vocabulary.learnt(["a dog runs", "a cat runs"] * 3, 300)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40))
def test_every_text_can_be_written_down_and_read_again(text):
    import unicodedata

    told = " ".join(unicodedata.normalize("NFC", plain(text)).lower().split())
    again = LEARNT.decode(LEARNT.encode(text, 10_000))
    assert again.replace("\N{REPLACEMENT CHARACTER}", "") == " ".join(
        told.replace("\N{REPLACEMENT CHARACTER}", "").split()
    )


def test_no_text_can_spell_a_mark():
    for text in ("<end>", "</s>", "<|endoftext|>", "[CAPTION] [PAD]"):
        assert max(LEARNT.encode(text, 100)) < LEARNT.pieces


def test_marks_say_nothing_and_half_a_character_is_left_out():
    pieces = LEARNT.encode("dog é", 100)
    assert LEARNT.decode([LEARNT.caption, *pieces, LEARNT.end]) == "dog é"
    assert LEARNT.decode(pieces[:-1]) == "dog"


def test_it_is_the_same_after_writing_and_reading():
    again = Vocabulary.from_json(LEARNT.to_json())
    assert again.encode("a dog meows", 50) == LEARNT.encode("a dog meows", 50)
    assert again.end == LEARNT.end


def test_a_text_is_cut_to_the_pieces_asked_for():
    assert len(LEARNT.encode("x" * 100_000, 7)) == 7


def test_half_a_surrogate_pair_is_a_sign_like_others(vocabulary):
    assert vocabulary.encode("a \ud800 dog", 20) == vocabulary.encode("a ? dog", 20)
