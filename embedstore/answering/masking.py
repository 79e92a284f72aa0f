"""Personal data out of texts before they leave the machine.

Every shape is bounded in length, so time is linear in the text, whoever wrote it. Identity numbers
with check digits are masked only where these fit: payment cards, IBAN, CPF (Brazil), DNI and NIE
(Spain), resident numbers (China), NIR (France); SSN (United States) and NINO (United Kingdom) have
none and go by their shape. Names, addresses and dates stay.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence

from embedstore.answering import checksums

Masker = Callable[[str], str]
_Test = Callable[[str], bool]
_Measure = Callable[[re.Match[str]], int]
"""Gives how many characters of a match are what it looks like, from its start; 0 for none."""


_GAP = r"[ .\u00a0\u2010-\u2013-]"
_CARD_GAP = r"[ ./\t\u00a0\u2010-\u2013-]{1,2}"  # check digits tell, so it may be wide
_DIGIT = re.compile(r"\d")
# Not inside a word, nor after the point of a number
_START, _END = r"(?<!\w)(?<!\d\.)", r"(?!\w)"
_FIRST_DIGIT = r"(?<!\d)(?<!\d\.)"  # letters may stand before it
# A start is refused inside a run and runs are never given back: no text is read twice
_EMAIL = re.compile(r"(?<![\w.+%'-])[\w.+%'-]++@[\w-]++(?:\.[\w-]++)++")


def _shape(pattern: str, start: str = _START, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Find a shape wherever it starts, also inside of one that failed its test."""
    return re.compile(rf"{start}(?=({pattern}){_END})", re.IGNORECASE | flags)


_CARD = _shape(
    rf"\d{{13,19}}|\d{{4}}{_CARD_GAP}\d{{4}}{_CARD_GAP}\d{{4}}{_CARD_GAP}\d{{1,4}}|\d{{4}}{_CARD_GAP}\d{{6}}{_CARD_GAP}\d{{4,5}}",
    _FIRST_DIGIT,
)
_IBAN = _shape(r"[a-z]{2}\d\d(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?", flags=re.ASCII)
# No two of these fit the same number
_ID = _shape(
    r"(?P<ssn>(?!000|666|9)\d{3}[- ](?!00)\d\d[- ](?!0000)\d{4})"
    r"|(?P<nino>[a-ceghj-prstw-z][a-ceghj-nprstw-z](?: ?\d\d){3} ?[a-d])"
    r"|(?P<cpf>\d{3}\.?\d{3}\.?\d{3}-?\d\d)"
    r"|(?P<dni>(?:\d{8}|[xyz]-?\d{7})[- ]?[a-z])"
    r"|(?P<resident>\d{17}[\dx])"
    r"|(?P<nir>[12] ?\d\d ?\d\d ?\d\d ?\d{3} ?\d{3} ?\d\d)"
)
_ID_TESTS: Mapping[str, _Test] = {
    "cpf": checksums.cpf,
    "dni": checksums.dni,
    "resident": checksums.resident,
    "nir": checksums.nir,
}
_IP = re.compile(
    r"(?<![\w:.])(?=((?P<v4>\d{1,3}(?:\.\d{1,3}){3})(?!\w|\.\d)"
    r"|(?P<v6>[\da-f:]{4,39}(?:\.\d{1,3}){0,3})(?![\w:])))",
    re.IGNORECASE,
)
# With a country's code, or as it is written in the United States or, with a 0 before, nearly
# everywhere else
_PHONE = re.compile(
    rf"(?<![\w.+])(?=(\(?(?:\+|00)[1-9](?:{_GAP}?[()]?{_GAP}?\d){{6,14}}"
    rf"|\([2-9]\d\d\){_GAP}?\d{{3}}{_GAP}\d{{4}}"
    rf"|(?:1{_GAP})?[2-9]\d\d{_GAP}[2-9]\d\d{_GAP}\d{{4}}"
    rf"|[2-9]\d\d[2-9]\d{{6}}"
    rf"|\(?0[1-9]\d{{1,4}}\)?(?:{_GAP}\d{{2,8}}){{1,4}}"
    rf"|0[1-9]\d{{8,9}}){_END})"
)
_ANNOUNCED_PHONE = re.compile(
    rf"\b(?:tel|phone|telephone|call|fax|mobile|cell|whatsapp)\b[^\d\n(+]{{0,12}}"
    rf"(\d{{2,4}}(?:{_GAP}?\d{{2,4}}){{1,4}}){_END}",
    re.IGNORECASE,
)


def emails(text: str) -> str:
    """Mask e-mail addresses."""
    return _EMAIL.sub("[email]", text) if "@" in text else text


def accounts(text: str) -> str:
    """Mask bank accounts."""
    return _replaced(text, _IBAN, _account, "[iban]")


def cards(text: str) -> str:
    """Mask numbers of payment cards."""
    return _replaced(text, _CARD, _whole(lambda found: checksums.luhn(found[1])), "[card]")


def identities(text: str) -> str:
    """Mask national identity numbers."""
    return _replaced(text, _ID, _whole(_is_identity), "[id]")


def hosts(text: str) -> str:
    """Mask IP addresses."""
    return _replaced(text, _IP, _whole(_is_host), "[ip]")


def phones(text: str) -> str:
    """Mask telephone numbers."""
    text = _replaced(text, _PHONE, _whole(_is_phone), "[phone]")
    return _replaced(text, _ANNOUNCED_PHONE, _whole(_is_phone), "[phone]")


# Telephone numbers last: their shapes are the loosest
DEFAULT: tuple[Masker, ...] = (emails, accounts, cards, identities, hosts, phones)


def mask(text: str, maskers: Sequence[Masker] = DEFAULT) -> str:
    """Replace personal data by placeholders such as `[email]`.

    Args:
        text: Any words.
        maskers: What to apply, in this order.

    Returns:
        The text without them.
    """
    for masker in maskers:
        text = masker(text)
    return text


def _replaced(text: str, shape: re.Pattern[str], measure: _Measure, label: str) -> str:
    """Replace as much of the first group of each match as is measured."""
    if _DIGIT.search(text) is None:
        return text
    kept, done = [], 0
    for found in shape.finditer(text):
        start = found.start(1)
        if start >= done and (length := measure(found)):
            kept += [text[done:start], label]
            done = start + length
    return "".join([*kept, text[done:]])


def _whole(test: Callable[[re.Match[str]], bool]) -> _Measure:
    return lambda found: len(found[1]) if test(found) else 0


def _account(found: re.Match[str]) -> int:
    """Measure an account's number: words that follow it may look like a part of it."""
    said = found[1]
    ends = [len(said), *(at for at in range(len(said) - 1, 0, -1) if said[at] == " ")]
    return next((end for end in ends if checksums.iban(said[:end])), 0)


def _is_identity(found: re.Match[str]) -> bool:
    for name, test in _ID_TESTS.items():
        if found[name]:
            return test(found[name])
    return True


def _is_phone(found: re.Match[str]) -> bool:
    return 7 <= sum(map(str.isdigit, found[1])) <= 15


def _is_host(found: re.Match[str]) -> bool:
    if found["v4"]:
        return all(int(part) <= 255 for part in found["v4"].split("."))
    if _DIGIT.search(found["v6"]) is None or found["v6"].count(":") < 2:  # bad::face
        return False
    try:
        ipaddress.IPv6Address(found["v6"])
    except ValueError:
        return False
    return True
