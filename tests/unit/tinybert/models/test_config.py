from __future__ import annotations

from dataclasses import replace

import pytest
from tinybert.models.config import PROFILES, ModelConfig, TrainConfig, check_distillation
from tinybert.stages.stage import StageError

SMALL = ModelConfig(100, 32, 4, 4, 64)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_can_be_distilled(name: str) -> None:
    check_distillation(PROFILES[name].teacher, PROFILES[name].student)


def test_profiles_have_the_sizes_of_the_reference_and_of_the_paper() -> None:
    teacher, base, paper = PROFILES["base"].teacher, PROFILES["base"].student, PROFILES["paper"].student
    assert (teacher.num_hidden_layers, teacher.hidden_size, teacher.intermediate_size) == (12, 768, 3072)
    assert (base.num_hidden_layers, base.hidden_size, base.intermediate_size) == (4, 384, 1536)
    assert (paper.num_hidden_layers, paper.hidden_size, paper.intermediate_size) == (4, 312, 1200)
    assert {teacher.num_attention_heads, base.num_attention_heads, paper.num_attention_heads} == {12}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": 30}, "hidden_size 30 is not divisible by 4 attention heads"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"hidden_dropout_prob": 1.0}, "hidden_dropout_prob is 1.0"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(StageError, match=message):
        replace(SMALL, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch size is 0"),
        ({"learning_rate": -1.0}, "learning rate is -1.0"),
        ({"learning_rate": float("nan")}, "learning rate is nan"),
        ({"end_learning_rate": 1.0}, "end learning rate 1.0 is not between 0 and 0.1"),
        ({"warmup_ratio": 1.0}, "warm-up ratio is 1.0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_that_cannot_train_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(StageError, match=message):
        replace(TrainConfig(batch_size=1, learning_rate=0.1), **change)


def test_distillation_names_every_reason() -> None:
    student = replace(SMALL, num_hidden_layers=3, num_attention_heads=2, vocab_size=99)
    with pytest.raises(
        StageError, match=r"4 layers are not a multiple.*3; num_attention_heads.*; vocab_size"
    ):
        check_distillation(SMALL, student)


def test_a_configuration_survives_json() -> None:
    assert ModelConfig.from_dict(SMALL.to_dict()) == SMALL


def test_a_configuration_with_other_names_is_refused() -> None:
    with pytest.raises(StageError, match="unknown names: hidden_sise"):
        ModelConfig.from_dict({**SMALL.to_dict(), "hidden_sise": 3})
    without_hidden_size = {name: value for name, value in SMALL.to_dict().items() if name != "hidden_size"}
    with pytest.raises(StageError, match="lacks: hidden_size"):
        ModelConfig.from_dict(without_hidden_size)


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("general_distill", (5e-5, 1e-14, 1e-4, 2**16, 1000)),
        ("task_distill_1", (5e-5, 0.0, 1e-4, 2**8, 50)),
        ("task_distill_2", (2e-5, 0.0, 1e-4, 2**16, 50)),
    ],
)
@pytest.mark.parametrize("profile", ["base", "paper"])
def test_settings_of_distillation_are_the_reference_s(profile: str, stage: str, expected: tuple) -> None:
    train = getattr(PROFILES[profile], stage)
    rates = (train.learning_rate, train.end_learning_rate, train.weight_decay)
    assert (*rates, train.loss_scale, train.loss_scale_window) == expected
    assert (train.batch_size, train.beta1, train.beta2, train.epsilon, train.clip_norm) == (
        32,
        0.9,
        0.999,
        1e-6,
        1,
    )
