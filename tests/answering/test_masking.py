"""Personal data is masked, ordinary captions are not, and no text takes long."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedstore.answering.masking import DEFAULT, cards, mask


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail anna.smith+x@mail.example.org, please", "mail [email], please"),
        ("a@b.co.", "[email]."),
        ("jürgen@größe.de", "[email]"),
        ("two: a@b.org and c@d.org", "two: [email] and [email]"),
        ("x" * 300 + "@b.org", "[email]"),
        ("card 4111 1111 1111 1111 in 2020", "card [card] in 2020"),
        ("4111-1111-1111-1111", "[card]"),
        ("4111111111111111", "[card]"),
        ("amex 3782 822463 10005", "amex [card]"),
        ("1234 4111 1111 1111 1111", "1234 [card]"),
        ("IBAN DE89 3704 0044 0532 0130 00.", "IBAN [iban]."),
        ("GB82WEST12345698765432", "[iban]"),
        ("ES91 2100 0418 4502 0005 1332 is my account", "[iban] is my account"),
        ("AT61 1904 3002 3457 3201 for rent", "[iban] for rent"),
        ("no.4111111111111111", "no.[card]"),
        ("CC4111111111111111", "CC[card]"),
        ("4111  1111  1111  1111 and 4111/1111/1111/1111", "[card] and [card]"),
        ("id.078-05-1120", "id.[id]"),
        ("NO93 8601 1117 947", "[iban]"),
        ("ssn 078-05-1120", "ssn [id]"),
        ("AB 12 34 56 C", "[id]"),
        ("cpf 529.982.247-25", "cpf [id]"),
        ("dni 12345678Z, nie X1234567L", "dni [id], nie [id]"),
        ("11010519491231002X", "[id]"),
        ("2 55 08 14 168 025 38", "[id]"),
        ("from 192.168.0.1:8080 and 10.0.0.255.", "from [ip]:8080 and [ip]."),
        ("at 2001:db8::8a2e:370:7334", "at [ip]"),
        ("::ffff:10.1.2.3", "[ip]"),
        ("call 555-1234 now", "call [phone] now"),
        ("ring (212) 555-0123", "ring [phone]"),
        ("212-555-0123, 2125550123, 212.555.0123", "[phone], [phone], [phone]"),
        ("+44 20 7946 0958", "[phone]"),
        ("+49(0)30 123456", "[phone]"),
        ("0044 20 7946 0958", "[phone]"),
        ("020 7946 0958 or 07911 123456 or 07911123456", "[phone] or [phone] or [phone]"),
        ("(030) 123456", "[phone]"),
        ("Tel.: 123 45 67", "Tel.: [phone]"),
    ],
)
def test_personal_data_is_masked(text, expected):
    assert mask(text) == expected
    assert mask(mask(text)) == expected


WORDS = st.lists(st.sampled_from(["a", "is", "my", "rent", "the", "for", "dog"]), max_size=4)
NUMBERS = {
    "DE89 3704 0044 0532 0130 00": "[iban]",
    "ES9121000418450200051332": "[iban]",
    "4111 1111 1111 1111": "[card]",
    "5500-0000-0000-0004": "[card]",
    "078-05-1120": "[id]",
    "529.982.247-25": "[id]",
}


@given(WORDS, st.sampled_from(sorted(NUMBERS)), WORDS)
def test_no_words_around_a_number_hide_it(before, number, after):
    said = " ".join([*before, NUMBERS[number], *after])
    assert mask(" ".join([*before, number, *after])) == said


@given(st.text("GB82 WEST\u212a\u017f12345\u0661\u00b2.-/", max_size=60))
def test_no_letter_of_another_script_breaks_it(text):
    assert isinstance(mask(text), str)


@pytest.mark.parametrize(
    "text",
    [
        "Two dogs run in 2012 .",
        "A race from 2010-2014 with 1,500 runners at 10:30 .",
        "Player number 23 passes number 10 , score 101-98 .",
        "1920x1080 pixels, 50 000 000 of them, f/2.8, 1/250 s",
        "10 000 000 people ; 1 000 000 000 stars",
        "12/30/2012 and 30.12.2012 and 2012-12-30",
        "a 2x4 , 3 1/2 feet long, 5'10\" tall",
        "1000268201_693b08cb0e.jpg",
        "version 1.2.3 and 999.999.999.999",
        "bad::face, std::vector, 12:30:45",
        "The crowd of 100-2000 waves ; buses 10 20 30 40 50",
        "meet me @ the beach @ 5 , c@t",
        "4111 1111 1111 1112",
        "GB82 WEST 1234 5698 7654 33",
        "DNI 12345678A",
        "100.000.000,00",
        "3 men , 2 women , 1 dog , 0 cats",
        "pi is 3.14159265358979",
        "0.5 0.25 0.125",
        "",
    ],
)
def test_years_sizes_and_counts_stay(text):
    assert mask(text) == text


def test_captions_of_a_real_corpus_stay(shared_data):
    images = json.loads((shared_data / "flickr8k" / "dataset_flickr8k.json").read_text())["images"]
    captions = [sentence["raw"] for image in images for sentence in image["sentences"]]
    with_digits = [caption for caption in captions if any(map(str.isdigit, caption))]
    assert len(with_digits) > 100
    assert [caption for caption in with_digits if mask(caption) != caption] == []


@given(st.text())
def test_masking_twice_is_masking_once(text):
    assert mask(mask(text)) == mask(text)


@given(
    st.from_regex(r"[a-z]{1,9}\.?[a-z]{1,9}@[a-z]{1,9}\.(com|org|de)", fullmatch=True),
    st.text(" a", max_size=5),
)
def test_any_address_goes_wherever_it_stands(address, beside):
    assert address not in mask(f"{beside} {address} {beside}")


def test_a_masker_is_any_function_on_text():
    assert mask("Anna 4111111111111111", (cards, str.lower)) == "anna [card]"
    assert mask("a@b.org", ()) == "a@b.org"
    assert callable(DEFAULT[0])


@pytest.mark.parametrize("unit", ["@", "1"])
@pytest.mark.timeout(120)
def test_ten_megabytes_of_one_sign_pass(unit):
    hostile = unit * 10_000_000
    assert mask(hostile) == hostile


@pytest.mark.parametrize(
    "unit",
    ["a@", "a@b.", "1 ", "1111 ", "1-", "+1", "(0", "0 ", "1.", "12:", "call 1", "AB12 ", "a"],
)
@pytest.mark.timeout(60)
def test_time_grows_no_faster_than_the_text(unit):
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        start = time.process_time()
        mask(text)
        return time.process_time() - start

    short = min(seconds(10_000) for _ in range(3))
    assert seconds(80_000) < 40 * short + 0.1  # 8 times the text; squared it would be 64
