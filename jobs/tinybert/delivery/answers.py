"""What a model's logits say of a text, by the names of the labels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinybert.tasks.records import SCORE, TAGS, Target
from tinybert.tasks.scores import spans


@dataclass(frozen=True)
class Answer:
    """What is said of one text or pair of texts.

    `label` is a name, a score, or entities {kind: {entity: [[first, last]]}} as CLUENER has them.
    `probability` is that of the label, of entities that of the least certain character; a score has none.
    `probabilities`: of each of the names.
    """

    texts: tuple[str, ...]
    label: str | float | dict[str, Any]
    probability: float | None = None
    probabilities: dict[str, float] | None = None

    def as_json(self) -> str:
        """One line of JSON, without what there is none of."""
        fields = {
            "label": self.label,
            "probability": self.probability,
            "probabilities": self.probabilities,
            "texts": list(self.texts),
        }
        return json.dumps(
            {name: value for name, value in fields.items() if value is not None}, ensure_ascii=False
        )

    def as_text(self) -> str:
        """Label, probability and texts between tabs."""
        label = (
            json.dumps(self.label, ensure_ascii=False) if isinstance(self.label, dict) else str(self.label)
        )
        probability = [] if self.probability is None else [f"{self.probability:.4f}"]
        return "\t".join([label, *probability, *(text.replace("\n", " ") for text in self.texts)])


def answer(target: Target, texts: tuple[str, ...], logits: np.ndarray) -> Answer:
    """The answer of a model whose logits of a text are [outputs], or [S, outputs] where tokens have tags."""
    if target.kind == SCORE:
        return Answer(texts, round(float(logits[0]), 4))
    if target.kind == TAGS:
        return _entities(target, texts, logits)
    shares = softmax(logits)
    best = int(shares.argmax())
    named = {label: round(float(share), 6) for label, share in zip(target.labels, shares)}
    return Answer(texts, target.labels[best], named[target.labels[best]], named)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis, in float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _entities(target: Target, texts: tuple[str, ...], logits: np.ndarray) -> Answer:
    """Character i is token i + 1, as tinybert.tasks.features makes them; what was cut off has no tag."""
    (text,) = texts
    shares = softmax(logits[1 : min(len(text), len(logits) - 2) + 1])
    tags = [target.labels[best] for best in shares.argmax(-1)]
    found: dict[str, Any] = {}
    for kind, first, last in spans(tags):
        found.setdefault(kind, {}).setdefault(text[first : last + 1], []).append([first, last])
    return Answer(texts, found, round(float(shares.max(-1).min()), 6) if len(shares) else None)
