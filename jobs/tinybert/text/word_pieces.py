"""WordPiece of ASCII words in compiled code; all other words are the Tokenizer's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinybert.text.byte_table import EMPTY_HASH, Table, enter_all, find, hashed, new_table
from tinybert.text.compiled import compiled_part
from tinybert.text.tokenization import CONTINUATION, MAX_CHARS_PER_WORD, UNK, Vocabulary

_EMPTY_HASH_OF_REST = 84696351  # what begins a word and what continues it are never taken for one another


class Pieces(NamedTuple):
    """A vocabulary: all tokens, then those that continue a word, without their "##"."""

    table: Table
    ids: np.ndarray
    characters: np.ndarray  # the token of each ASCII character that stands alone
    longest: int
    unknown: int
    lower_case: bool


def pieces_of(vocabulary: Vocabulary, lower_case: bool) -> Pieces:
    """The vocabulary as a table."""
    first = {token.encode(): index for token, index in vocabulary.ids.items()}
    mark = CONTINUATION.encode()
    rest = {token[len(mark) :]: index for token, index in first.items() if token.startswith(mark)}
    unknown = vocabulary.ids[UNK]
    table = new_table(len(first) + len(rest), sum(map(len, [*first, *rest])))
    enter_all(table, list(first))
    enter_all(table, list(rest), _EMPTY_HASH_OF_REST)
    return Pieces(
        table,
        np.array([*first.values(), *rest.values()], np.int32),
        np.array([vocabulary.ids.get(chr(point), unknown) for point in range(128)], np.int32),
        max(map(len, first)),
        unknown,
        lower_case,
    )


@compiled_part
def is_ascii(text, start, end):
    """Whether text[start:end] is."""
    bits = 0
    for at in range(start, end):
        bits |= text[at]
    return bits < 128


@compiled_part
def _is_ascii_punctuation(byte):
    return 33 <= byte < 48 or 58 <= byte < 65 or 91 <= byte < 97 or 123 <= byte < 127


@compiled_part
def cut_ascii(text, start, end, pieces, scratch, tokens, count):
    """Append the tokens of text[start:end], which is ASCII and has no space; their new count.

    `scratch` has room for MAX_CHARS_PER_WORD characters and hashes.
    """
    word, hashes = scratch
    size, value = 0, EMPTY_HASH
    for at in range(start, end + 1):
        byte = text[at] if at < end else np.uint8(33)
        if byte < 33 or byte == 127:
            continue  # control characters join what stands around them
        if _is_ascii_punctuation(byte):
            if size > MAX_CHARS_PER_WORD:
                tokens[count] = pieces.unknown
                count += 1
            elif size:
                count = _cut_token(size, pieces, word, hashes, tokens, count)
            size, value = 0, EMPTY_HASH
            if at < end:
                tokens[count] = pieces.characters[byte]
                count += 1
            continue
        if size < MAX_CHARS_PER_WORD:
            word[size] = byte + 32 if pieces.lower_case and 65 <= byte <= 90 else byte
            value = hashed(value, word[size])
            hashes[size] = value
        size += 1
    return count


@compiled_part
def _cut_token(size, pieces, word, hashes, tokens, count):
    """Append the pieces of word[:size], the longest first. hashes[i] is that of word[:i + 1]."""
    before = count
    start = 0
    while start < size:
        end = min(size, start + pieces.longest)
        if start:
            value = _EMPTY_HASH_OF_REST
            for at in range(start, end):
                value = hashed(value, word[at])
                hashes[at] = value
        key = np.int64(-1)
        while end > start:
            key = find(word, start, end, hashes[end - 1], pieces.table)
            if key >= 0:
                break
            end -= 1
        if key < 0:
            tokens[before] = pieces.unknown
            return before + 1
        tokens[count] = pieces.ids[key]
        count += 1
        start = end
    return count
