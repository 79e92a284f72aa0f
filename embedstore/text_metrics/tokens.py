"""Text into the words that caption metrics count, as COCO's evaluation code does.

Follows Stanford's PTBTokenizer 3.4.1 with the punctuation that pycocoevalcap drops
(https://github.com/salaniz/pycocoevalcap, `tokenizer/ptbtokenizer.py`), without Java. All 35,255
different captions of Flickr8k come out the same; "AT&T", "C++" and "'tis" do not.
"""

import re

TOKENISER = "ptb-like"

_QUOTES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "...", "\u00a0": " "}
)
_SYMBOLS = {
    "(": "-lrb-",
    ")": "-rrb-",
    "[": "-lsb-",
    "]": "-rsb-",
    "{": "-lcb-",
    "}": "-rcb-",
    "\u20ac": "$",
    "\u00a3": "#",
}
# What the tokeniser splits without a sign that it should
_JOINED = {
    "cannot": ("can", "not"),
    "gonna": ("gon", "na"),
    "gotta": ("got", "ta"),
    "wanna": ("wan", "na"),
    "lemme": ("lem", "me"),
    "gimme": ("gim", "me"),
}
_TITLES = "mr|mrs|ms|dr|st|jr|sr|prof|gen|col|lt|sgt|rev|vs|etc|inc|ltd|corp|co|mt|ave|no(?=\\.\\d)"
_TOKEN = re.compile(
    rf"""
    (?P<link>https?://[^\s"]+ | [\w.+-]{{1,64}}@[\w-]{{1,64}}\.[\w.-]*\w)
    | (?P<bracket>[()\[\]{{}}])
    | (?P<short>(?:[^\W\d_]\.){{2,}} | \b(?:{_TITLES})\. | (?<![\w])[^\W\d_]\.(?=\s+\S))
    | (?P<number>\d+(?:[.,:/]\d+)+)
    | (?P<clitic>'(?:s|ll|ve|re|d|m|n')(?!\w) | '\d0s\b)
    | (?P<negated>[^\W\d_]+(?=n't\b)) | (?P<not>n't\b)
    | (?P<word>\w+(?:[-/._]\w+ | '(?!(?:s|ll|ve|re|d|m)\b)\w+)*)
    | (?P<mark>[$%\#@&*+=~^|\\/<>_\u00a3\u20ac]|[!?]{{2,}})
    """,
    re.VERBOSE,
)


def tokenise(text: str) -> list[str]:
    """Split a text into lower-case words, without punctuation.

    Args:
        text: Any line of words.

    Returns:
        The words; empty where there is none.
    """
    return [
        word
        for found in _TOKEN.finditer(text.translate(_QUOTES).lower())
        for word in _words(found.group())
    ]


def _words(token: str) -> tuple[str, ...]:
    return _JOINED.get(token) or (_SYMBOLS.get(token, token),)
