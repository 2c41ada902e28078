"""Sentence splitting, also for languages without capitals or full stops."""

from __future__ import annotations

import sentencex


def split_sentences(text: str, language: str) -> list[str]:
    """Cut a paragraph into sentences, each with single spaces. `language` is a code such as "en" or "ja".

    Rules of https://github.com/wikimedia/sentencex, which falls back to a related language for one it lacks.
    """
    sentences = (" ".join(sentence.split()) for sentence in sentencex.segment(language, text))
    return [sentence for sentence in sentences if sentence]
