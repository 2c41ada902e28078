"""Sizes of the networks, settings of the training, and the profiles that name them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from tinybert.stages.stage import StageError


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise StageError(message)


@dataclass(frozen=True)
class ModelConfig:
    """Size of one BERT encoder; the names are those of Google's bert_config.json.

    `layer_norm_eps` is Google's 1e-12, so that converted weights give Google's outputs
    (MindSpore's reference used 1e-7). `initializer_range` is the deviation of the truncated normal
    that initialises every matrix, embeddings included.
    """

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        """Raise StageError on a size that cannot be built."""
        for name in _POSITIVE_SIZES:
            _require(getattr(self, name) >= 1, f"{name} is {getattr(self, name)}: it must be 1 or more")
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            value = getattr(self, name)
            _require(0 <= value < 1, f"{name} is {value}: it must be at least 0 and below 1")
        _require(
            self.hidden_size % self.num_attention_heads == 0,
            f"hidden_size {self.hidden_size} is not divisible by {self.num_attention_heads} attention heads",
        )

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    def without_dropout(self) -> ModelConfig:
        """The same network as a teacher or for evaluation."""
        return replace(self, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)

    def with_dropout(self, probability: float) -> ModelConfig:
        """The same network with one probability for both kinds of dropout."""
        return replace(self, hidden_dropout_prob=probability, attention_probs_dropout_prob=probability)

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """The configuration that `to_dict` wrote. Raises StageError on missing or unknown names."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        _require(not unknown, f"model configuration has unknown names: {', '.join(unknown)}")
        missing = sorted(set(_POSITIVE_SIZES) - set(values))
        _require(not missing, f"model configuration lacks: {', '.join(missing)}")
        return cls(**values)


_POSITIVE_SIZES = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
)


@dataclass(frozen=True)
class TrainConfig:
    """Settings of the optimiser and of the schedule; `batch_size` is that of one rank.

    In float16 (Ascend) the loss is multiplied by `loss_scale`, which is halved at an overflow and doubled
    after `loss_scale_window` steps without one.
    """

    batch_size: int
    learning_rate: float
    end_learning_rate: float = 1e-14
    decay_power: float = 1.0
    warmup_ratio: float = 0.1
    weight_decay: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6
    clip_norm: float = 1.0
    seed: int = 12345
    loss_scale: int = 2**16
    loss_scale_window: int = 1000

    def __post_init__(self) -> None:
        """Raise StageError on a setting that cannot train."""
        _require(self.batch_size >= 1, f"batch size is {self.batch_size}: it must be 1 or more")
        _require(self.learning_rate > 0, f"learning rate is {self.learning_rate}: it must be above 0")
        _require(
            0 <= self.end_learning_rate <= self.learning_rate,
            f"end learning rate {self.end_learning_rate} is not between 0 and {self.learning_rate}",
        )
        _require(
            0 <= self.warmup_ratio < 1,
            f"warm-up ratio is {self.warmup_ratio}: it must be at least 0 and below 1",
        )
        _require(0 <= self.seed < 2**31, f"seed is {self.seed}: it must be 0 to 2147483647")

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class Profile:
    """A teacher, a student, and how each is trained."""

    teacher: ModelConfig
    student: ModelConfig
    pretrain: TrainConfig
    general_distill: TrainConfig
    finetune: TrainConfig
    task_distill_1: TrainConfig
    task_distill_2: TrainConfig


_BERT_BASE = ModelConfig(30522, 768, 12, 12, 3072)
_REFERENCE_GD = TrainConfig(batch_size=32, learning_rate=5e-5)
_GOOGLE_PRETRAIN = TrainConfig(
    batch_size=32, learning_rate=1e-4, weight_decay=0.01, end_learning_rate=0.0, warmup_ratio=0.01
)
# As Google fine-tunes BERT: 3 epochs, decay to 0.
_GOOGLE_FINETUNE = TrainConfig(batch_size=32, learning_rate=2e-5, weight_decay=0.01, end_learning_rate=0.0)
# The reference warms up for a tenth of one of 10 epochs, which is a hundredth of the steps.
_REFERENCE_TD1 = TrainConfig(
    batch_size=32,
    learning_rate=5e-5,
    end_learning_rate=0.0,
    warmup_ratio=0.01,
    loss_scale=2**8,
    loss_scale_window=50,
)
_REFERENCE_TD2 = TrainConfig(batch_size=32, learning_rate=2e-5, end_learning_rate=0.0, loss_scale_window=50)

# The vocabulary of `tiny` comes from its data. Without dropout: it trains for minutes and cannot overfit,
# and a resumed run then equals an unbroken one bit by bit.
PROFILES = {
    "base": Profile(
        teacher=_BERT_BASE,
        student=ModelConfig(30522, 384, 4, 12, 1536),
        pretrain=_GOOGLE_PRETRAIN,
        general_distill=_REFERENCE_GD,
        finetune=_GOOGLE_FINETUNE,
        task_distill_1=_REFERENCE_TD1,
        task_distill_2=_REFERENCE_TD2,
    ),
    "paper": Profile(
        teacher=_BERT_BASE,
        student=ModelConfig(30522, 312, 4, 12, 1200),
        pretrain=_GOOGLE_PRETRAIN,
        general_distill=_REFERENCE_GD,
        finetune=_GOOGLE_FINETUNE,
        task_distill_1=_REFERENCE_TD1,
        task_distill_2=_REFERENCE_TD2,
    ),
    "tiny": Profile(
        teacher=ModelConfig(8192, 128, 4, 4, 512).without_dropout(),
        student=ModelConfig(8192, 64, 2, 4, 256).without_dropout(),
        pretrain=TrainConfig(batch_size=8, learning_rate=1e-3, weight_decay=0.01, end_learning_rate=0.0),
        general_distill=TrainConfig(batch_size=8, learning_rate=1e-3),
        finetune=replace(_GOOGLE_FINETUNE, learning_rate=5e-4),
        task_distill_1=replace(_REFERENCE_TD1, learning_rate=1e-3),
        task_distill_2=replace(_REFERENCE_TD2, learning_rate=5e-4),
    ),
}


def check_distillation(teacher: ModelConfig, student: ModelConfig) -> None:
    """Raise StageError, with every reason, where layer-to-layer distillation is not defined."""
    reasons = []
    if teacher.num_hidden_layers % student.num_hidden_layers:
        reasons.append(
            f"the teacher's {teacher.num_hidden_layers} layers are not a multiple of "
            f"the student's {student.num_hidden_layers}"
        )
    for name in ("num_attention_heads", "vocab_size"):
        if getattr(teacher, name) != getattr(student, name):
            reasons.append(
                f"{name} differs: teacher {getattr(teacher, name)}, student {getattr(student, name)}"
            )
    _require(not reasons, "this student cannot be distilled from this teacher: " + "; ".join(reasons))
