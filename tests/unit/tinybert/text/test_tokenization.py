from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinybert.stages.stage import StageError
from tinybert.text.tokenization import SPECIAL_TOKENS, Tokenizer, Vocabulary, basic_tokens, load_vocabulary

from tests.unit.tinybert.plain_pretraining import category, plain_basic_tokens

WORDS = [
    "un",
    "##aff",
    "##able",
    "a",
    "##b",
    "##a",
    "b",
    ".",
    ",",
    "日",
    "e",
    "##e",
    "ß",
    "[",
    "]",
    "mask",
    "ο",
]


def vocabulary(*words):
    tokens = [*SPECIAL_TOKENS, *words]
    return Vocabulary(ids={token: index for index, token in enumerate(tokens)}, size=len(tokens))


def pieces(text, lower_case=True, words=WORDS):
    known = vocabulary(*words)
    names = {index: token for token, index in known.ids.items()}
    return [names[index] for index in Tokenizer(known, lower_case).tokenize(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UNaffable, a.b", ["un", "##aff", "##able", ",", "a", ".", "b"]),
        ("ab\u00adab", ["a", "##b", "##a", "##b"]),  # soft hyphen: deleted, joins
        ("a\x0bb a\x85b a\x1cb", ["a", "##b"] * 3),  # control characters that str.split() would cut at
        ("a\u2028b a\u2029b a\u3000b", ["a", "b"] * 3),
        ("a日b", ["a", "日", "b"]),
        ("é É e\u0301", ["e", "e", "e"]),
        ("[MASK]", ["[", "mask", "]"]),  # no special token comes out of text
        ("\ue000", ["[UNK]"]),  # private use is kept, the tokenizers library deletes it
        ("a$a", ["a", "[UNK]", "a"]),  # "$" is cut off as punctuation, though Unicode has it as a symbol
        ("ẞ ß", ["ß", "ß"]),
        ("ax", ["[UNK]"]),  # no piece for the rest: the whole word is unknown
        ("\u200b\ufffd", []),
        ("", []),
    ],
)
def test_uncased(text, expected):
    assert pieces(text) == expected


def test_cased_keeps_case_and_accents():
    assert pieces("UN é e", lower_case=False) == ["[UNK]", "[UNK]", "e"]


def test_final_sigma_looks_past_a_full_stop():
    assert list(basic_tokens("ΟΔΟΣ ΟΔΟΣ.Α", True)) == ["οδος", "οδοσ", ".", "α"]


def test_ascii_within_a_cjk_word_is_lower_cased():
    assert list(basic_tokens("日本Abc.D語", True)) == ["日", "本", "abc", ".", "d", "語"]


@pytest.mark.parametrize(("length", "known"), [(200, True), (201, False)])
def test_longest_word_has_200_characters(length, known):
    assert (pieces("a" * length) != ["[UNK]"]) is known


def test_second_time_is_as_the_first():
    tokenizer = Tokenizer(vocabulary(*WORDS), lower_case=True)
    line = "UNaffable a日b \u200b xx " + "ab" * 40
    assert tokenizer.tokenize(line) == tokenizer.tokenize(line)


@pytest.mark.parametrize("lower_case", [True, False])
def test_every_code_point_is_cut_as_the_plain_steps_say(lower_case):
    points = (c for c in map(chr, range(sys.maxunicode + 1)) if category(c) not in ("Cs", "Cn", "Co", "Lo"))
    wrong = []
    for char in points:
        text = f"a{char}B{char}"
        if list(basic_tokens(text, lower_case)) != plain_basic_tokens(text, lower_case):
            wrong.append(hex(ord(char)))
    assert wrong == []


@settings(deadline=None)
@given(
    st.text(st.sampled_from("aB.é\u0301日Σ \t\r\x0b\x1c\x85\u00a0\u2028\u200b\ufffd\ue000$[]-İ"), max_size=30)
)
def test_random_lines_are_cut_as_the_plain_steps_say(text):
    for lower_case in (True, False):
        assert list(basic_tokens(text, lower_case)) == plain_basic_tokens(text, lower_case)
        tokenizer = Tokenizer(vocabulary(*WORDS), lower_case)
        tokens = plain_basic_tokens(text, lower_case)
        assert tokenizer.tokenize(text) == [piece for token in tokens for piece in tokenizer.tokenize(token)]


def write_vocabulary(path, tokens):
    path.write_bytes("\n".join(tokens).encode())
    return path


def test_vocabulary_is_cut_at_newlines_only(tmp_path):
    known = load_vocabulary(
        write_vocabulary(tmp_path / "v", ["[PAD]", "\u2028", "##\u2028", *SPECIAL_TOKENS[1:], " a\r"])
    )
    assert known.size == 8
    assert known.ids == {"[PAD]": 0, "": 1, "##": 2, "[UNK]": 3, "[CLS]": 4, "[SEP]": 5, "[MASK]": 6, "a": 7}


def test_token_on_two_lines_has_the_last_id_and_the_first_place(tmp_path):
    known = load_vocabulary(write_vocabulary(tmp_path / "v", [*SPECIAL_TOKENS, "a", "b", "a", ""]))
    assert known.size == 8
    assert list(known.ids.items())[5:] == [("a", 7), ("b", 6)]


def test_vocabulary_without_special_tokens_is_refused(tmp_path):
    path = write_vocabulary(tmp_path / "v", ["[PAD]", "[UNK]", "[CLS]", "a"])
    with pytest.raises(StageError, match=r"v: .* of its 4 lines none is \[SEP\] or \[MASK\]"):
        load_vocabulary(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "does not exist"), (b"", "is empty"), (b"[PAD]\n\xff\n", r"v:2: not UTF-8")],
)
def test_unreadable_vocabulary(tmp_path, content, message):
    if content is not None:
        (tmp_path / "v").write_bytes(content)
    with pytest.raises(StageError, match=message):
        load_vocabulary(tmp_path / "v")
