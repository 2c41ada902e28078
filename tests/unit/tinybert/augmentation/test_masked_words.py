from __future__ import annotations

import numpy as np
import pytest
from tinybert.augmentation.replacements import Prompt
from tinybert.models.config import ModelConfig
from tinybert.models.weights import MODEL_FILE, open_model, write_model
from tinybert.stages.stage import StageError

pytestmark = pytest.mark.mindspore
SIZE = ModelConfig(50, 8, 1, 2, 16, max_position_embeddings=40, initializer_range=0.5).without_dropout()


@pytest.fixture(scope="module")
def tensors():
    from tinybert.models.bert import BertForPreTraining

    model = BertForPreTraining(SIZE)
    return {name: parameter.asnumpy() for name, parameter in model.parameters_and_names()}


def saved(directory, tensors):
    write_model(directory, {MODEL_FILE: tensors}, {"model": SIZE.to_dict()})
    return open_model(directory)


def best_words_one_by_one(tensors, prompts, best):
    """The same by the network in PyNative mode, each prompt by itself and without padding."""
    import mindspore as ms
    from tinybert.models.bert import BertForPreTraining
    from tinybert.models.weights import load_parameters

    model = BertForPreTraining(SIZE).set_train(False)
    load_parameters(dict(model.parameters_and_names()), tensors, MODEL_FILE)
    ms.set_context(mode=ms.PYNATIVE_MODE)
    try:
        found = []
        for prompt in prompts:
            end = len(prompt.ids)
            segments = [int(place >= prompt.second) for place in range(end)]
            rows = [prompt.ids, segments, [1] * end, [prompt.position]]
            logits, _ = model(*(ms.Tensor([row], ms.int32) for row in rows))
            found.append(np.argsort(-logits.asnumpy()[0])[:best].tolist())
        return found
    finally:
        ms.set_context(mode=ms.GRAPH_MODE)


def test_guesses_are_those_of_each_prompt_alone(tmp_path, tensors):
    from tinybert.augmentation.masked_words import MaskedWords

    draw = np.random.default_rng(3)
    lengths = [5, 40, 9, 33, 32, 7]
    prompts = [
        Prompt(draw.integers(5, 50, length).tolist(), length // 2, int(draw.integers(1, length)))
        for length in lengths
    ]
    done = []
    found = MaskedWords(saved(tmp_path / "model", tensors), 4, "CPU").guess(prompts, done.append)
    assert found == best_words_one_by_one(tensors, prompts, 4)
    assert done == [4, 6]  # a batch of 32 tokens each, one of 40
    assert len({tuple(ids) for ids in found}) > 1


def test_a_teacher_without_its_masked_language_head(tmp_path, tensors):
    from tinybert.augmentation.masked_words import MaskedWords

    encoder = {name: array for name, array in tensors.items() if name.startswith("bert.")}
    with pytest.raises(StageError, match="no masked language head: give the pretrained teacher"):
        MaskedWords(saved(tmp_path / "model", encoder), 4, "CPU")
