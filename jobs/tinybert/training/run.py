"""What the training stages share: the checks before MindSpore is imported, and the run itself."""

from __future__ import annotations

import argparse
import time
import zlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tinybert.models.config import ModelConfig, TrainConfig
from tinybert.models.weights import MODEL_FILE, load_parameters, read_tensors, write_model
from tinybert.records.batches import Sharding, ValueLimits, batches
from tinybert.records.dataset import RecordFiles
from tinybert.stages.metrics import MetricsLog
from tinybert.stages.rank import Rank, broadcast_from_first, gather_from_ranks, start
from tinybert.stages.stage import StageError, say
from tinybert.training.checkpoint import TRAINING_FILE, CheckpointStore
from tinybert.training.loop import train
from tinybert.training.plan import StepPlan, plan_steps

# Trained beside the network and wanted again by the next stage (task distillation), not by evaluation.
EXTRA_FILE = "fit_dense.safetensors"


@dataclass(frozen=True)
class TrainingRun:
    """A training that has passed every check which needs no MindSpore; `info` goes into config.json.

    `labels`: number of classes that label_ids may name. `lengths`: see tinybert.records.batches.
    `vocabulary`: content of vocab.txt for the final model.
    """

    rank: Rank
    records: RecordFiles
    columns: tuple[str, ...]
    model: ModelConfig
    train: TrainConfig
    plan: StepPlan
    store: CheckpointStore
    resume: bool
    info: dict[str, Any]
    labels: int = 0
    lengths: tuple[int, ...] = ()
    vocabulary: bytes | None = None

    @property
    def sharding(self) -> Sharding:
        """This rank's share of the data."""
        return Sharding(self.train.batch_size, self.rank.id, self.rank.size, self.train.seed, self.lengths)


def train_config(args: argparse.Namespace, default: TrainConfig) -> TrainConfig:
    """The profile's settings with those that the command line replaces. Raises StageError on a wrong one."""
    names = ("batch_size", "learning_rate", "warmup_ratio", "seed")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return replace(default, **given)


def prepare(
    args: argparse.Namespace,
    rank: Rank,
    records: RecordFiles,
    columns: tuple[str, ...],
    model: ModelConfig,
    train_settings: TrainConfig,
    final: str,
    info: dict[str, Any],
) -> TrainingRun:
    """Put a run together. Raises StageError where data, model, options and output directory do not fit."""
    check_model_takes(model, records)
    sharding = Sharding(train_settings.batch_size, rank.id, rank.size, train_settings.seed)
    steps_per_epoch = sharding.steps_per_epoch(records)
    plan = plan_steps(steps_per_epoch, args.epochs, args.steps, args.log_every, args.checkpoint_every)
    settings = {
        **info,
        "model": model.to_dict(),
        "train": train_settings.to_dict(),
        "ranks": rank.size,
        "total_steps": plan.total_steps,
        "instances": records.instances,
        "max_seq_length": records.max_seq_length,
        "vocab_sha256": records.vocab_sha256,
    }
    output = Path(args.output)
    store = CheckpointStore(
        output / "checkpoints", output / final, rank, args.keep_checkpoints, plan.total_steps, settings
    )
    store.check_unused(args.resume)
    info = {**info, "profile": args.profile, "model": model.to_dict(), "vocab_sha256": records.vocab_sha256}
    return TrainingRun(rank, records, columns, model, train_settings, plan, store, args.resume, info)


def check_model_takes(model: ModelConfig, records: RecordFiles) -> None:
    """Raise StageError where the records are longer than the model or of another vocabulary."""
    if records.max_seq_length > model.max_position_embeddings:
        raise StageError(
            f"{records.directory}: records have {records.max_seq_length} tokens, but the model only "
            f"{model.max_position_embeddings} positions"
        )
    if records.vocab_size not in (None, model.vocab_size):
        raise StageError(
            f"{records.directory}: made with a vocabulary of {records.vocab_size}, "
            f"but the model has {model.vocab_size}"
        )


def begin(run: TrainingRun) -> None:
    """Import MindSpore and join the other ranks."""
    began = time.monotonic()
    start(run.rank, run.train.seed)
    seconds = time.monotonic() - began
    say(f"rank {run.rank.id} of {run.rank.size} on {run.rank.device}: ready after {seconds:.1f} s")


def execute(run: TrainingRun, loss: Any) -> None:
    """Train `loss` (a loss cell of tinybert.models.losses) to the end, and write the final model."""
    began = time.monotonic()
    step = build_step(loss, run.train, run.rank, run.plan.total_steps)
    state = TrainingState(loss, step)
    done = _go_on(run, state)
    if done == run.plan.total_steps:
        say(f"{run.store.final}: already complete")
        return
    broadcast_from_first(run.rank, [*state.model.values(), *state.rest.values()])
    metrics = MetricsLog(run.rank.log_dir, run.plan, run.sharding.global_batch, done)
    limits = ValueLimits(run.model.vocab_size, run.model.type_vocab_size, run.labels)
    feed = partial(batches, run.records, run.columns, run.sharding, limits)
    sink_columns = run.columns if run.rank.device == "Ascend" else None

    def save(at: int) -> None:
        _check_equal_on_ranks(run.rank, state, at)
        run.store.save(at, state.files(), run.info)

    train(step, feed, run.plan, done, metrics, save, sink_columns)
    _check_equal_on_ranks(run.rank, state, run.plan.total_steps)
    if run.rank.id == 0:
        info = {**run.info, "seconds": round(time.monotonic() - began, 1)}  # since it was last started
        described = run.store.described(run.plan.total_steps, info)
        write_model(run.store.final, state.final_files(), described, run.vocabulary)
        say(f"{run.store.final}: written after step {run.plan.total_steps}")


def build_step(loss: Any, train: TrainConfig, rank: Rank, total_steps: int) -> Any:
    """The tinybert.training.step.TrainStep of a loss cell, as every stage trains it."""
    from mindspore import amp

    from tinybert.models.dropout import seed_dropout
    from tinybert.models.layers import make_of_parts
    from tinybert.training.optim import build_optimizer
    from tinybert.training.step import TrainStep

    seed_dropout(loss, train.seed, rank.id)
    optimizer = build_optimizer(loss.trainable_params(), train, total_steps)
    metrics, scaler = loss.metrics, None
    if rank.device == "Ascend":
        loss = amp.auto_mixed_precision(loss, "auto")
        scaler = amp.DynamicLossScaler(train.loss_scale, 2, train.loss_scale_window)
    else:
        make_of_parts(loss)
    return TrainStep(loss, metrics, optimizer, rank.size, train.clip_norm, scaler).set_train()


def _check_equal_on_ranks(rank: Rank, state: TrainingState, step: int) -> None:
    """Raise RuntimeError unless all ranks hold the same bits, as data parallelism promises."""
    digests = [digest for (digest,) in gather_from_ranks(rank, [state.digest()])]
    if len(set(digests)) > 1:
        raise RuntimeError(f"step {step}: the ranks' weights have come apart (CRC-32 by rank: {digests})")


class TrainingState:
    """All that a training changes, by names on disk.

    `model`: the network itself. `beside`: what is trained with it (fit_dense). `rest`: that, and the
    optimiser's moments, step and loss scale.
    """

    def __init__(self, loss: Any, step: Any):
        self.model = {loss.saved_prefix + name: value for name, value in loss.network.parameters_and_names()}
        network = {id(parameter) for parameter in self.model.values()}
        trained = [(name, value) for name, value in loss.parameters_and_names() if value.requires_grad]
        self.beside = {name: value for name, value in trained if id(value) not in network}
        known = network | {id(parameter) for parameter in loss.get_parameters()}
        others = [(name, value) for name, value in step.parameters_and_names() if id(value) not in known]
        self.rest = {**self.beside, **dict(others), **_scale_of(step)}

    def files(self) -> dict[str, dict[str, Any]]:
        """Of a checkpoint: everything."""
        return {MODEL_FILE: _arrays(self.model), TRAINING_FILE: _arrays(self.rest)}

    def final_files(self) -> dict[str, dict[str, Any]]:
        """Of a final model: what the next stage may want."""
        beside = {EXTRA_FILE: _arrays(self.beside)} if self.beside else {}
        return {MODEL_FILE: _arrays(self.model), **beside}

    def digest(self) -> int:
        """31 bits of a CRC of all values."""
        crc = 0
        for parameter in (*self.model.values(), *self.rest.values()):
            crc = zlib.crc32(parameter.asnumpy().tobytes(), crc)
        return crc & 0x7FFFFFFF

    def load(self, directory: Path) -> None:
        """Take the values of a checkpoint. Raises StageError where it does not fit."""
        for parameters, name in ((self.model, MODEL_FILE), (self.rest, TRAINING_FILE)):
            load_parameters(parameters, read_tensors(directory / name), directory / name)


def _scale_of(step: Any) -> dict[str, Any]:
    """The loss scale, and the number of steps since it last changed: a scaler is no cell with parameters."""
    if step.loss_scaler is None:
        return {}
    return {f"loss_scaler.{name}": getattr(step.loss_scaler, name) for name in ("scale_value", "counter")}


def _go_on(run: TrainingRun, state: TrainingState) -> int:
    """Load the newest checkpoint that is whole everywhere, on rank 0, and return its step; 0 without one."""
    done = run.store.common_step()
    if done == run.plan.total_steps:
        return done
    if done:
        say(f"resuming after step {done}")
        if run.rank.id == 0:
            state.load(run.store.path(done))
    elif run.resume:
        say(f"{run.store.directory}: no whole checkpoint to resume from; starting at step 0")
    return done


def _arrays(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: parameter.asnumpy() for name, parameter in parameters.items()}
