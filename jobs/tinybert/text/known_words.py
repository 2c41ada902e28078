"""The words of a text, each cut into its pieces once: ASCII in compiled code, others by the Tokenizer."""

from __future__ import annotations

import numpy as np

from tinybert.text.byte_table import BYTES, KEYS
from tinybert.text.compiled import compiled
from tinybert.text.scan import new_words
from tinybert.text.tokenization import MAX_CHARS_PER_WORD, Tokenizer, Vocabulary
from tinybert.text.word_pieces import cut_ascii, is_ascii, pieces_of

_WORDS = 1 << 18  # remembered until there are more
_BYTES_OF_WORD = 12


class KnownWords:
    """Words by number, and the tokens of each: `tokens[ranges[word, 0]:ranges[word, 1]]`."""

    def __init__(self, vocabulary: Vocabulary, lower_case: bool) -> None:
        self._tokenizer = Tokenizer(vocabulary, lower_case)
        self._pieces = pieces_of(vocabulary, lower_case)
        self._scratch = (np.empty(MAX_CHARS_PER_WORD, np.uint8), np.empty(MAX_CHARS_PER_WORD, np.int64))
        self._most = _WORDS
        self.forget()

    def forget(self, larger: bool = False) -> None:
        """Begin anew, with room for more words if those of a single line were too many."""
        self._most *= 2 if larger else 1
        self.table = new_words(self._most, self._most * _BYTES_OF_WORD)
        self.ranges = np.zeros((len(self.table.starts), 2), np.int64)
        self.tokens = np.empty(len(self.table.content), np.int32)
        self._known = self._count = 0

    def learn(self) -> None:
        """Cut what is new in the table."""
        others = np.empty(int(self.table.counts[KEYS]) - self._known, np.int64)
        self._count, found = _learn(
            self.table,
            self._known,
            self._pieces,
            self._scratch,
            self.ranges,
            self.tokens,
            self._count,
            others,
        )
        self._known = int(self.table.counts[KEYS])
        for word in others[:found].tolist():
            start, end = self.table.starts[word : word + 2].tolist()
            self._append(word, self._tokenizer.tokenize(self.table.content[start:end].tobytes().decode()))

    def _append(self, word: int, tokens: list[int]) -> None:
        start, end = self._count, self._count + len(tokens)
        # Of ASCII no word has more tokens than bytes, so only `left` of them are still to come.
        left = len(self.table.content) - int(self.table.counts[BYTES])
        if end + left > len(self.tokens):
            self.tokens = np.concatenate([self.tokens, np.empty(end + left, np.int32)])
        self.tokens[start:end] = tokens
        self.ranges[word] = start, end
        self._count = end


@compiled
def _learn(table, known, pieces, scratch, ranges, tokens, count, others):
    """Cut ASCII words from number `known` on; the count of tokens, and of `others`, which are not ASCII."""
    found = 0
    for word in range(known, table.counts[KEYS]):
        start, end = table.starts[word], table.starts[word + 1]
        if is_ascii(table.content, start, end):
            ranges[word, 0] = count
            count = cut_ascii(table.content, start, end, pieces, scratch, tokens, count)
            ranges[word, 1] = count
        else:
            others[found] = word
            found += 1
    return count, found
