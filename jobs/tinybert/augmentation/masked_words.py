"""What a pretrained BERT would put in the place of masked words, batch by batch in a few fixed shapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import mindspore as ms
import numpy as np
from mindspore import amp, nn, ops

from tinybert.augmentation.replacements import Prompt
from tinybert.models.bert import BertForPreTraining, freeze
from tinybert.models.weights import MODEL_FILE, SavedModel, load_parameters, read_tensors
from tinybert.stages.stage import StageError

_BATCH_TOKENS = 4096
# Steps of a third to a half: SST-2's prompts become a fifth longer. Each length that occurs is compiled once.
_LENGTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512)


class MaskedWords:
    """A frozen model with its MLM head. What a prompt gets does not depend on the prompts beside it.

    Raises StageError where the weights do not fit.
    """

    def __init__(self, saved: SavedModel, best: int, device: str) -> None:
        longest = saved.model.max_position_embeddings
        self._lengths = [*(length for length in _LENGTHS if length < longest), longest]
        path = saved.directory / MODEL_FILE
        model = BertForPreTraining(saved.model.without_dropout())
        load_parameters(dict(model.parameters_and_names()), _tensors_with_head(path), path)
        network = _BestWords(freeze(model), min(best, saved.model.vocab_size))
        self._network = amp.auto_mixed_precision(network, "auto") if device == "Ascend" else network

    def guess(self, prompts: Sequence[Prompt], report: Callable[[int], None]) -> list[list[int]]:
        """The ids of the likeliest tokens for each prompt, best first; `report` hears how many are done."""
        by_length: dict[int, list[int]] = {}
        for number, prompt in enumerate(prompts):
            padded = next(length for length in self._lengths if length >= len(prompt.ids))
            by_length.setdefault(padded, []).append(number)
        found: list[list[int]] = [[]] * len(prompts)
        done = 0
        for length, numbers in sorted(by_length.items()):
            size = max(1, _BATCH_TOKENS // length)
            for start in range(0, len(numbers), size):
                batch = numbers[start : start + size]
                arrays = _batch_of([prompts[number] for number in batch], size, length)
                best = self._network(*map(ms.Tensor, arrays)).asnumpy()
                for number, ids in zip(batch, best.tolist()):
                    found[number] = ids
                done += len(batch)
                report(done)
        return found


def _tensors_with_head(path: Path) -> dict[str, np.ndarray]:
    tensors = read_tensors(path)
    if not any(name.startswith("masked_lm.") for name in tensors):
        raise StageError(
            f"{path} has no masked language head: give the pretrained teacher, not the fine-tuned one"
        )
    return tensors


def _batch_of(prompts: Sequence[Prompt], size: int, length: int) -> tuple[np.ndarray, ...]:
    """input_ids, segment_ids, input_mask int32 [size, length], positions int32 [size, 1]; the rest zeros."""
    ids, segments, mask = (np.zeros((size, length), np.int32) for _ in range(3))
    positions = np.zeros((size, 1), np.int32)
    for row, prompt in enumerate(prompts):
        end = len(prompt.ids)
        ids[row, :end] = prompt.ids
        segments[row, prompt.second : end] = 1
        mask[row, :end] = 1
        positions[row] = prompt.position
    return ids, segments, mask, positions


class _BestWords(nn.Cell):
    """The `best` likeliest ids at one position of each row: int32 [B, best]."""

    def __init__(self, model: BertForPreTraining, best: int) -> None:
        super().__init__()
        self.model = model
        self.best = best
        self.top = ops.TopK(sorted=True)

    def construct(self, input_ids: Any, segment_ids: Any, input_mask: Any, positions: Any) -> Any:
        logits, _ = self.model(input_ids, segment_ids, input_mask, positions)
        _, ids = self.top(logits, self.best)
        return ids
