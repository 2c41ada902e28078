"""The other side of the training bench: the same general distillation in PyTorch, eager, as one writes it.

Names are those of tinybert.models.bert, so that both sides draw the same weights. Needs torch and NumPy only.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.bench.steps import Size, Work, serve, weight

MASKED_SCORE, IGNORED_SCORE = -10000.0, -100.0
States = tuple[list[Tensor], list[Tensor]]


class Bert(nn.Module):
    """Hidden states [B, S, H] of embeddings and layers, and raw scores [B, heads, S, S] of the layers."""

    def __init__(self, size: Size):
        super().__init__()
        self.embeddings = Embeddings(size)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(Layer(size) for _ in range(size["num_hidden_layers"]))

    def forward(self, ids: Tensor, segments: Tensor, mask: Tensor) -> States:
        added = (1 - mask)[:, None, None, :].float() * MASKED_SCORE
        hidden, scores = [self.embeddings(ids, segments)], []
        for layer in self.encoder.layers:
            states, raw = layer(hidden[-1], added)
            hidden.append(states)
            scores.append(raw)
        return hidden, scores


class Embeddings(nn.Module):
    """Words, places and segments."""

    def __init__(self, size: Size):
        super().__init__()
        for name, rows in (
            ("word", "vocab_size"),
            ("position", "max_position_embeddings"),
            ("token_type", "type_vocab_size"),
        ):
            self.register_parameter(
                f"{name}_embeddings", nn.Parameter(torch.empty(size[rows], size["hidden_size"]))
            )
        self.layer_norm = _layer_norm(size)
        self.dropout = nn.Dropout(size["hidden_dropout_prob"])

    def forward(self, ids: Tensor, segments: Tensor) -> Tensor:
        states = F.embedding(ids, self.word_embeddings) + self.position_embeddings[: ids.shape[1]]
        return self.dropout(self.layer_norm(states + F.embedding(segments, self.token_type_embeddings)))


class Layer(nn.Module):
    """Attention and feed-forward, post-LN."""

    def __init__(self, size: Size):
        super().__init__()
        hidden, inner = size["hidden_size"], size["intermediate_size"]
        self.attention = Attention(size)
        self.intermediate = nn.Linear(hidden, inner)
        self.output = Residual(size, inner)

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        attended, scores = self.attention(states, mask)
        return self.output(F.gelu(self.intermediate(attended), approximate="tanh"), attended), scores


class Attention(nn.Module):
    """Self-attention that gives its raw scores, which no fused attention of PyTorch does."""

    def __init__(self, size: Size):
        super().__init__()
        hidden = size["hidden_size"]
        self.query, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))
        self.output = Residual(size, hidden)
        self.dropout = nn.Dropout(size["attention_probs_dropout_prob"])
        self.heads = size["num_attention_heads"]
        self.scale = 1 / math.sqrt(hidden // self.heads)

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        query = self._split(self.query(states) * self.scale)
        key, value = self._split(self.key(states)), self._split(self.value(states))
        scores = query @ key.transpose(-1, -2) + mask
        context = self.dropout(scores.softmax(-1)) @ value
        return self.output(context.transpose(1, 2).reshape(states.shape), states), scores

    def _split(self, states: Tensor) -> Tensor:
        return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Residual(nn.Module):
    """LayerNorm(residual + dropout(dense(states)))."""

    def __init__(self, size: Size, width: int):
        super().__init__()
        self.dense = nn.Linear(width, size["hidden_size"])
        self.dropout = nn.Dropout(size["hidden_dropout_prob"])
        self.layer_norm = _layer_norm(size)

    def forward(self, states: Tensor, residual: Tensor) -> Tensor:
        return self.layer_norm(residual + self.dropout(self.dense(states)))


class Distillation(nn.Module):
    """The losses of section 3 of the paper."""

    def __init__(self, teacher: Size, student: Size):
        super().__init__()
        self.teacher = Bert(teacher).eval().requires_grad_(False)
        self.network = Bert(student)
        self.fit_dense = nn.Linear(student["hidden_size"], teacher["hidden_size"])
        self.stride = teacher["num_hidden_layers"] // student["num_hidden_layers"]

    def forward(self, ids: Tensor, segments: Tensor, mask: Tensor) -> Tensor:
        with torch.no_grad():
            hidden, scores = self.teacher(ids, segments, mask)
        own_hidden, own_scores = self.network(ids, segments, mask)
        pairs = zip(own_scores, scores[self.stride - 1 :: self.stride], strict=True)
        attention = sum(F.mse_loss(_unmasked(own), _unmasked(raw)) for own, raw in pairs)
        levels = zip(own_hidden, hidden[:: self.stride], strict=True)
        return attention + sum(F.mse_loss(self.fit_dense(own), states) for own, states in levels)


class AdamWeightDecay:
    """w -= lr * (m / (sqrt(v) + eps) + decay * w), over all tensors at once.

    Each gradient is clipped by itself.
    """

    def __init__(self, weights: list[nn.Parameter], train: dict[str, float]):
        self.train = train
        self.weights = weights
        self.means, self.squares = ([torch.zeros_like(each) for each in self.weights] for _ in range(2))
        self.decayed = [each for each in self.weights if each.ndim > 1]

    @torch.no_grad()
    def step(self) -> Tensor:
        """Update, and return whether all gradients were finite."""
        train, gradients = self.train, [each.grad for each in self.weights]
        norms = torch.stack(torch._foreach_norm(gradients))
        torch._foreach_div_(gradients, list((norms / train["clip_norm"]).clamp(min=1).unbind()))
        torch._foreach_lerp_(self.means, gradients, 1 - train["beta1"])
        torch._foreach_mul_(self.squares, train["beta2"])
        torch._foreach_addcmul_(self.squares, gradients, gradients, 1 - train["beta2"])
        roots = torch._foreach_sqrt(self.squares)
        torch._foreach_add_(roots, train["epsilon"])
        torch._foreach_mul_(self.decayed, 1 - train["learning_rate"] * train["weight_decay"])
        torch._foreach_addcdiv_(self.weights, self.means, roots, -train["learning_rate"])
        for parameter in self.weights:
            parameter.grad = None
        return norms.sum().isfinite()


def _layer_norm(size: Size) -> nn.LayerNorm:
    return nn.LayerNorm(size["hidden_size"], eps=size["layer_norm_eps"])


def _unmasked(scores: Tensor) -> Tensor:
    return torch.where(scores <= IGNORED_SCORE, 0.0, scores)


def main() -> None:
    """Serve steps."""
    work = Work.given()
    torch.set_num_threads(work.threads)
    torch.manual_seed(work.train["seed"])
    loss = Distillation(work.teacher, work.student)
    with torch.no_grad():
        for name, parameter in loss.named_parameters():
            if parameter.ndim == 2:
                parameter.copy_(torch.from_numpy(weight(name, parameter.shape)))
            elif name.endswith("bias"):
                parameter.zero_()
    trained = [parameter for parameter in loss.parameters() if parameter.requires_grad]
    optimizer = AdamWeightDecay(trained, work.train)

    def step(*arrays) -> float:
        ids, mask, segments = map(torch.from_numpy, arrays)
        value = loss(ids, segments, mask)
        value.backward()
        assert optimizer.step()
        return value.item()

    serve(work, step)


if __name__ == "__main__":
    main()
