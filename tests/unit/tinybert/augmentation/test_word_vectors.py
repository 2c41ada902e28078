from __future__ import annotations

import hashlib
import math

import pytest
import tinybert.augmentation.word_vectors
from tinybert.augmentation.word_vectors import load_word_vectors, sha256_of_word_vectors
from tinybert.stages.stage import StageError


def angle(degrees, length=1.0):
    return f"{length * math.cos(math.radians(degrees))} {length * math.sin(math.radians(degrees))}"


WORDS = f"north {angle(90)}\neast {angle(0, 5)}\nup {angle(80, 0.2)}\ndown {angle(-90)}\nsoon {angle(60)}\n"


@pytest.fixture
def load(tmp_path):
    def load_text(text):
        path = tmp_path / "vectors.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_word_vectors(path)

    return load_text


def test_nearest_by_cosine_without_the_word_itself(load):
    vectors = load(WORDS)
    assert vectors.nearest("north", 2) == ("up", "soon")
    assert vectors.nearest("east", 3) == ("soon", "up", "north")
    assert vectors.nearest("east", 99) == ("soon", "up", "north", "down")


def test_case(load):
    vectors = load(WORDS + f"Paris {angle(90)}\nparis {angle(0)}\n")
    assert vectors.nearest("North", 2) == ("Paris", "Up")  # only there in lower case, title case kept
    assert vectors.nearest("NORTH", 2) == ("Paris", "up")
    assert vectors.nearest("Paris", 1) == ("North",)
    assert vectors.nearest("paris", 1) == ("east",)


def test_unknown_words_have_none(load):
    assert load(WORDS).nearest("west", 3) == ()


def test_equal_words_are_in_the_order_of_the_file(load):
    vectors = load("a 1 0\n" + "".join(f"w{number} 1 1\n" for number in range(50)))
    assert vectors.nearest("a", 3) == ("w0", "w1", "w2")


def test_what_is_left_out(load):
    header, spaces, zero, again = "6 2\n", "at name@site.com 1 0\n", "nil 0 0\n", f"north {angle(0)}\n"
    vectors = load(header + WORDS.replace("\n", " \r\n") + spaces + zero + again)
    assert len(vectors) == 5
    assert vectors.nearest("north", 1) == ("up",)
    assert vectors.nearest("nil", 1) == ()


def test_only_the_first_are_read(tmp_path, load, monkeypatch):
    monkeypatch.setattr(tinybert.augmentation.word_vectors, "MOST_WORDS", 2)
    assert load(WORDS + "broken\n").nearest("north", 9) == ("east",)
    assert (
        sha256_of_word_vectors(tmp_path / "vectors.txt")
        == hashlib.sha256("".join(WORDS.splitlines(keepends=True)[:2]).encode()).hexdigest()
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 1\n", r"vectors\.txt:2: not a word and 2 finite numbers"),
        ("a 1 2\nb 1 x\n", r"vectors\.txt:2: not a word and 2 numbers: .*'x'"),
        ("a 1 2\n\n", r"vectors\.txt:2: not a word and 2 finite numbers"),
        ("a 1 2\nb 1 nan\n", r"vectors\.txt:2: not a word and 2 finite"),
        (b"a 1 2\n\xff 1 2\n", r"vectors\.txt:2: not UTF-8"),
        ("word\n", r"vectors\.txt:1: not a word and its finite numbers"),
        ("3 2\n", "vectors.txt holds no word vector"),
    ],
)
def test_malformed_files(load, text, message):
    with pytest.raises(StageError, match=message):
        load(text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StageError, match=r"word vectors .* does not exist"):
        sha256_of_word_vectors(tmp_path / "none.txt")
