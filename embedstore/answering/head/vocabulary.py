"""Text into pieces and back: byte-level, so that every word can be read, copied and written.

Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units", ACL 2016.
The marks (end, caption, answer, padding) are numbers beyond the pieces, which no text can spell.
"""

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

_MOST_CHARACTERS = 4000  # of a text that are read at all


class Vocabulary:
    """Pieces of lowercase text.

    Args:
        tokenizer: As `learnt` or `from_json` made it.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.pieces = tokenizer.get_vocab_size()
        self.end, self.caption, self.answer, self.padding = range(self.pieces, self.pieces + 4)

    @classmethod
    def learnt(cls, texts: Iterable[str], pieces: int) -> "Vocabulary":
        """Learn the most useful pieces of texts.

        Args:
            texts: To learn from.
            pieces: Wanted at most; the 256 bytes are always among them.
        """
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = trainers.BpeTrainer(
            vocab_size=pieces, initial_alphabet=alphabet, min_frequency=2, show_progress=False
        )
        tokenizer.train_from_iterator((plain(text) for text in texts), trainer)
        return cls(tokenizer)

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """Read what `to_json` wrote.

        Raises:
            Exception: It is no tokenizer; the package raises nothing narrower.
        """
        return cls(Tokenizer.from_str(text))

    def to_json(self) -> str:
        """Write it down."""
        return str(self._tokenizer.to_str())

    @property
    def size(self) -> int:
        """Pieces and marks together."""
        return self.pieces + 4

    def encode(self, text: str, most: int) -> list[int]:
        """Give the first pieces of a text."""
        ids: list[int] = self._tokenizer.encode(plain(text), add_special_tokens=False).ids
        return ids[:most]

    def decode(self, ids: Sequence[int]) -> str:
        """Give one line of text; marks say nothing, and a character that was cut is left out."""
        text = self._tokenizer.decode([one for one in ids if one < self.pieces])
        return " ".join(text.replace("\N{REPLACEMENT CHARACTER}", "").split())


def plain(text: str) -> str:
    """Put a text into one line without the full stop that captions end in at random.

    Half of a surrogate pair, which the tokenizer takes for no text at all, becomes a question mark.
    """
    whole = text[:_MOST_CHARACTERS].encode("utf-8", "replace").decode()
    return " ".join(whole.split()).rstrip(" .").strip()
