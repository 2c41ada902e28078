"""What create_pretraining_data.py of google-research/bert does, in the plainest Python: an oracle for tests.

Written from the description of its random sequence, not from its text. Tokens are strings, a document is a
list of lists, and `random.Random` makes every draw.
"""

from __future__ import annotations

import random
import re
import unicodedata
from itertools import chain
from pathlib import Path

CJK = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F)]
CJK += [(0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]


def category(char):
    return unicodedata.category(char)


def plain_basic_tokens(text, lower_case):
    """Google's steps in their order on the whole line, each in the plainest way."""
    kept = [c for c in text if c in "\t\n\r" or (c != "\ufffd" and category(c) not in ("Cc", "Cf"))]
    spaced = "".join(" " if c in " \t\n\r" or category(c) == "Zs" else c for c in kept)
    for first, last in CJK:
        spaced = re.sub(f"([{chr(first)}-{chr(last)}])", r" \1 ", spaced)
    tokens = []
    for word in spaced.split():
        if lower_case:
            word = "".join(c for c in unicodedata.normalize("NFD", word.lower()) if category(c) != "Mn")
        ascii_punctuation = re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
        others = "".join(re.escape(c) for c in set(word) if category(c).startswith("P"))
        tokens += re.sub(f"([{ascii_punctuation}{others}])", r" \1 ", word).split()
    return tokens


def plain_pieces(text, ids, lower_case):
    """WordPiece of a line, as strings."""
    return [piece for token in plain_basic_tokens(text, lower_case) for piece in _pieces_of_token(token, ids)]


def _pieces_of_token(token, ids):
    pieces, rest = [], token
    while rest and len(token) <= 200:
        mark = "##" if pieces else ""
        known = [end for end in range(1, len(rest) + 1) if mark + rest[:end] in ids]
        if not known:
            return ["[UNK]"]
        pieces.append(mark + rest[: known[-1]])
        rest = rest[known[-1] :]
    return pieces or ["[UNK]"]


def plain_vocabulary(path: Path):
    """Token to id, as a dictionary filled line by line leaves it."""
    ids = {}
    for number, line in enumerate(_lines(path)):
        ids[line.strip()] = number
    return ids


def _lines(path: Path):
    lines = path.read_bytes().replace(b"\r", b"").decode().split("\n")
    return lines if lines[-1] else lines[:-1]


def plain_records(paths, vocabulary: Path, how, seed, lower_case):
    """The features of all records, in the order in which they are dealt out to files."""
    ids = plain_vocabulary(vocabulary)
    rng = random.Random(seed)
    documents = [[]]
    for line in (line.strip() for path in paths for line in _lines(path)):
        if not line:
            documents.append([])
        elif pieces := plain_pieces(line, ids, lower_case):
            documents[-1].append(pieces)
    documents = [document for document in documents if document]
    rng.shuffle(documents)
    made = []
    for _ in range(how.dupe_factor):
        for number in range(len(documents)):
            made += _of_document(documents, number, list(ids), how, rng)
    rng.shuffle(made)
    return [_features(*instance, ids, how) for instance in made]


def _of_document(documents, number, words, how, rng):
    document, made = documents[number], []
    longest = target = how.max_seq_length - 3
    if rng.random() < how.short_seq_prob:
        target = rng.randint(2, longest)
    chunk, at = [], 0
    while at < len(document):
        chunk.append(document[at])
        if at == len(document) - 1 or sum(map(len, chunk)) >= target:
            middle = rng.randint(1, len(chunk) - 1) if len(chunk) >= 2 else 1
            first, second = list(chain(*chunk[:middle])), list(chain(*chunk[middle:]))
            is_random = len(chunk) == 1 or rng.random() < 0.5
            if is_random:
                second = _random_second(documents, number, target - len(first), rng)
                at -= len(chunk) - middle
            _truncate(first, second, longest, rng)
            made.append((*_masked(first, second, words, how, rng), len(first), is_random))
            chunk = []
        at += 1
    return made


def _random_second(documents, number, wanted, rng):
    for _ in range(10):
        other = rng.randint(0, len(documents) - 1)
        if other != number:
            break
    second = []
    for at in range(rng.randint(0, len(documents[other]) - 1), len(documents[other])):
        second += documents[other][at]
        if len(second) >= wanted:
            break
    return second


def _truncate(first, second, longest, rng):
    while len(first) + len(second) > longest:
        longer = first if len(first) > len(second) else second
        if rng.random() < 0.5:
            del longer[0]
        else:
            longer.pop()


def _groups(tokens, how):
    groups = []
    for at, token in enumerate(tokens):
        if token in ("[CLS]", "[SEP]"):
            continue
        if how.whole_word_mask and groups and token.startswith("##"):
            groups[-1].append(at)
        else:
            groups.append([at])
    return groups


def _masked(first, second, words, how, rng):
    tokens = ["[CLS]", *first, "[SEP]", *second, "[SEP]"]
    groups = _groups(tokens, how)
    rng.shuffle(groups)
    wanted = min(how.max_predictions_per_seq, max(1, round(len(tokens) * how.masked_lm_prob)))
    if not how.masked_lm_prob:
        wanted = 0  # where we differ
    output, labels = list(tokens), {}
    for group in groups:
        if len(labels) >= wanted:
            break
        if len(labels) + len(group) > wanted:
            continue
        for at in group:
            labels[at] = tokens[at]
            if rng.random() < 0.8:
                output[at] = "[MASK]"
            elif rng.random() >= 0.5:
                output[at] = words[rng.randint(0, len(words) - 1)]
    return output, sorted(labels.items())


def _features(tokens, labels, first, is_random, ids, how):
    length, predictions = how.max_seq_length, how.max_predictions_per_seq

    def padded(values, size):
        return list(values) + [0] * (size - len(values))

    return {
        "input_ids": padded([ids[token] for token in tokens], length),
        "input_mask": padded([1] * len(tokens), length),
        "segment_ids": padded([0] * (first + 2) + [1] * (len(tokens) - first - 2), length),
        "masked_lm_positions": padded([at for at, _ in labels], predictions),
        "masked_lm_ids": padded([ids[token] for _, token in labels], predictions),
        "masked_lm_weights": [float(value) for value in padded([1] * len(labels), predictions)],
        "next_sentence_labels": [int(is_random)],
    }
