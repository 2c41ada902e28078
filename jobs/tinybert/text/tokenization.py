"""WordPiece tokenisation with the semantics of google-research/bert tokenization.py.

Not the tokenizers library: it deletes private-use characters, knows the special tokens within text, gives up
at 100 characters and carries older Unicode tables. Categories come from this Python's `unicodedata`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tinybert.stages.stage import StageError
from tinybert.text.lines import read_lines, require_file

PAD, UNK, CLS, SEP, MASK = SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONTINUATION = "##"
MAX_CHARS_PER_WORD = 200

# What Google treats as a space (\t, \n, \r, Zs) and what str.split() cuts at after that (U+2028, U+2029).
# Other control characters, \v \f \x1c-\x1f \x85 among them, are deleted and join what stands around them.
_WORDS = re.compile("[^ \t\n\r\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
CJK_RANGES = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)
_CJK = re.compile("([{}])".format("".join(f"{chr(first)}-{chr(last)}" for first, last in CJK_RANGES)))
# Words beyond this are seldom seen twice (in Japanese and Chinese a "word" is a whole sentence).
_MAX_CACHED_WORD_CHARS = 32
_MAX_CACHED_WORDS = 200_000


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary as Google's load_vocab reads it.

    `ids` maps each distinct token to its id, in the order of first appearance; a token that stands on several
    lines has the id of the last. `size` counts lines: it is the number of rows of the embedding table.
    """

    ids: dict[str, int]
    size: int


def load_vocabulary(path: Path) -> Vocabulary:
    r"""Read a vocabulary, a token a line; lines end at "\n" only, and each is stripped.

    Raises StageError for a file that is missing, not UTF-8 or lacks a special token.
    """
    require_file(path, "vocabulary")
    tokens = [line.strip() for line in read_lines(path)]
    ids = {token: index for index, token in enumerate(tokens)}
    missing = [token for token in SPECIAL_TOKENS if token not in ids]
    if missing:
        raise StageError(
            f"{path}: not a BERT vocabulary: of its {len(tokens)} lines none is {' or '.join(missing)}"
        )
    return Vocabulary(ids=ids, size=len(tokens))


def words_of(text: str) -> list[str]:
    """Cut text at what Google treats as spaces; tokens never reach across."""
    return _WORDS.findall(text)


def is_separator(char: str) -> bool:
    """Whether words end at it."""
    return _WORDS.match(char) is None


class Tokenizer:
    """Cuts text into WordPiece ids. Each distinct word is worked out once."""

    def __init__(self, vocabulary: Vocabulary, lower_case: bool) -> None:
        self._ids = vocabulary.ids
        self._unknown = vocabulary.ids[UNK]
        self._lower_case = lower_case
        self._cache: dict[str, list[int]] = {}

    def tokenize(self, text: str) -> list[int]:
        """The ids of the pieces of `text`; empty where nothing but spaces and control characters is in it."""
        pieces: list[int] = []
        cache = self._cache
        for word in words_of(text):
            known = cache.get(word)
            pieces += self._pieces_of(word) if known is None else known
        return pieces

    def _pieces_of(self, word: str) -> list[int]:
        pieces = [
            piece for token in basic_tokens(word, self._lower_case) for piece in self._wordpieces_of(token)
        ]
        if len(word) <= _MAX_CACHED_WORD_CHARS and len(self._cache) < _MAX_CACHED_WORDS:
            self._cache[word] = pieces
        return pieces

    def _wordpieces_of(self, token: str) -> list[int]:
        """The longest known piece from the left, again and again; [UNK] where one step finds none."""
        if len(token) > MAX_CHARS_PER_WORD:
            return [self._unknown]
        pieces = []
        start = 0
        while start < len(token):
            prefix = CONTINUATION if start else ""
            for end in range(len(token), start, -1):
                piece = self._ids.get(prefix + token[start:end])
                if piece is not None:
                    break
            else:
                return [self._unknown]
            pieces.append(piece)
            start = end
        return pieces


def basic_tokens(text: str, lower_case: bool) -> Iterator[str]:
    """Cut text at spaces, punctuation and CJK characters; lower-cased and without accents on request."""
    for word in words_of(_separate_cjk(_without_controls(text))):
        folded = _without_accents(word.lower()) if lower_case else word
        yield from _cut_at_punctuation(folded)


def _without_controls(text: str) -> str:
    none = text.isprintable() and "\ufffd" not in text
    return text if none else "".join(filter(_is_kept, text))


def _is_kept(char: str) -> bool:
    return char in "\t\n\r" or not (char == "\ufffd" or unicodedata.category(char) in ("Cc", "Cf"))


def _separate_cjk(text: str) -> str:
    return text if text.isascii() else _CJK.sub(r" \1 ", text)


def is_cjk(char: str) -> bool:
    """Whether Google's tokenisation makes a word of the character: Chinese, and what else is written so."""
    return _CJK.match(char) is not None


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    return "".join(char for char in unicodedata.normalize("NFD", word) if unicodedata.category(char) != "Mn")


def _cut_at_punctuation(word: str) -> Iterator[str]:
    """Yield runs of other characters, and each punctuation character by itself."""
    if word.isalnum():
        yield word
        return
    start = 0
    for index, char in enumerate(word):
        if is_punctuation(char):
            if start < index:
                yield word[start:index]
            yield char
            start = index + 1
    if start < len(word):
        yield word[start:]


def is_punctuation(char: str) -> bool:
    """Unicode punctuation, and every ASCII character that is no letter, digit or space ("$", "^" ...)."""
    if char.isascii():
        return char.isprintable() and not char.isalnum() and char != " "
    return unicodedata.category(char).startswith("P")
