from __future__ import annotations

import random

import pytest
from tinybert.augmentation.replacements import Replacements, Sentence, variants
from tinybert.augmentation.stop_words import ENGLISH
from tinybert.text.tokenization import Vocabulary

TOKENS = [
    *(
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "[unused1]",
        "good",
        "film",
        "bad",
        "##s",
        "wom",
        "##bat",
    ),
    *("the", ",", "王", "is", "Good", "[", "a b", ""),
]
IDS = {token: number for number, token in enumerate(TOKENS)}
VOCABULARY = Vocabulary(IDS, len(TOKENS))
CLS, SEP, MASK, UNK = IDS["[CLS]"], IDS["[SEP]"], IDS["[MASK]"], IDS["[UNK]"]


class Model:
    """Answers every prompt with the same tokens."""

    def __init__(self, *tokens):
        self.answer = [IDS[token] for token in tokens]
        self.prompts = []

    def guess(self, prompts, report):
        self.prompts += prompts
        report(len(prompts))
        return [self.answer for _ in prompts]


class Vectors:
    def nearest(self, word, count):
        return tuple(f"{word}{number}" for number in range(count)) if word == "wombat" else ()


def find(*texts, model=None, vectors=None, lower_case=True, stop_words=ENGLISH, longest=99):
    words = Replacements(VOCABULARY, lower_case, stop_words, model or Model("bad"), vectors, 2, longest)
    return words.of(texts, lambda done, of: None)


def candidates(text, **how):
    return find(text, **how)[0][text].candidates


def test_prompt_of_a_masked_word():
    model = Model("bad")
    find("Good wombat, the film", model=model)
    good, wombat, rest = IDS["good"], [IDS["wom"], IDS["##bat"]], [IDS[","], IDS["the"]]
    film = IDS["film"]
    whole = [good, *wombat, *rest, film]
    assert [(prompt.ids, prompt.second, prompt.position) for prompt in model.prompts] == [
        ([CLS, MASK, *wombat, *rest, film, SEP, *whole, SEP], 8, 1),
        ([CLS, good, *wombat, *rest, MASK, SEP, *whole, SEP], 8, 6),
    ]


def test_which_words_are_replaced():
    text = "The good, g00d wombat is 王 café 12 ..."
    assert candidates(text) == {1: ["bad"], 6: ["bad"], 7: ["bad"]}  # "cafe" is [UNK], one piece
    assert candidates(text, lower_case=False, stop_words=frozenset({"good"})) == {
        0: ["bad"],
        5: ["bad"],
        6: ["bad"],
    }


def test_words_of_several_pieces_have_neighbours_among_vectors():
    sentences, counts = find("good wombat films", vectors=Vectors())
    assert sentences["good wombat films"].candidates == {0: ["bad"], 1: ("wombat0", "wombat1")}
    assert (counts.masked_words, counts.words_by_vectors, counts.words_without_replacement) == (1, 1, 1)
    assert candidates("good wombat films") == {0: ["bad"]}


def test_parts_of_words_and_special_tokens_are_no_candidates():
    model = Model("##s", "film", "[unused1]", "[UNK]", "[", "a b", "")
    assert candidates("good", model=model) == {0: ["film", "["]}
    assert candidates("good", model=Model("##s", "[PAD]")) == {0: ["good"]}


def test_a_sentence_longer_than_the_model_takes():
    model = Model("bad")
    text = " ".join(["good"] * 8)
    assert list(candidates(text, model=model, longest=6)) == [0, 1, 2, 3, 4]
    good = IDS["good"]
    assert model.prompts[4].ids == [CLS, good, good, good, good, MASK]
    assert {prompt.second for prompt in model.prompts} == {6}


def test_equal_texts_are_worked_on_once():
    model = Model("bad")
    sentences, counts = find("good", "film", "good", model=model)
    assert list(sentences) == ["good", "film"]
    assert len(model.prompts) == counts.masked_words == 2


def made(text, count, probability, seed=1, **candidates_of):
    words = text.lower().split()
    sentence = Sentence(words, [[0]] * len(words), {words.index(w): c for w, c in candidates_of.items()})
    return list(variants(text, sentence, count, probability, random.Random(seed)))


def test_variants_are_all_different_and_unlike_the_text():
    found = made("A b c", 200, 0.5, b=["x", "b"], c=["y", "z"])
    assert sorted(found) == ["a b y", "a b z", "a x c", "a x y", "a x z"]


def test_number_of_variants_and_their_draw():
    assert len(made("a b c", 2, 1.0, b=["x"], c=list("defghijk"))) == 2
    assert made("a b", 9, 0.0, b=["x"]) == []
    assert made("a b", 9, 1.0, b=["x"]) == ["a x"]
    assert made("a b c", 9, 0.4, seed=7, b="xyz", c="uvw") == made("a b c", 9, 0.4, seed=7, b="xyz", c="uvw")


@pytest.mark.parametrize("probability", [0.1, 0.4])
def test_words_are_replaced_with_the_given_probability(probability):
    words = [f"w{number}" for number in range(1000)]
    (text,) = made(" ".join(words), 1, probability, **{word: ["x"] for word in words})
    assert text.split().count("x") / 1000 == pytest.approx(probability, abs=0.05)


def test_a_sentence_without_words():
    sentences, counts = find("", "...", "\u200b")
    assert [sentence.candidates for sentence in sentences.values()] == [{}, {}, {}]
    assert counts.masked_words == 0
    assert list(variants("...", sentences["..."], 5, 1.0, random.Random(1))) == []
