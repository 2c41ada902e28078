from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tinybert.training.checkpoint
from tinybert.models.weights import read_tensors
from tinybert.stages.rank import Rank
from tinybert.stages.stage import StageError
from tinybert.training.checkpoint import CheckpointStore

TENSORS = {name: {"x": np.ones(3, np.float32)} for name in ("model.safetensors", "training.safetensors")}
SETTINGS = {"learning_rate": 0.1, "ranks": 3}


@pytest.fixture(params=["shared directory", "one directory each"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> list[CheckpointStore]:
    """The stores of three ranks, on one host or on three."""
    shared = request.param == "shared directory"
    return [_store(tmp_path / ("all" if shared else f"host{rank}"), rank) for rank in range(3)]


def _store(output: Path, rank: int, settings: dict = SETTINGS) -> CheckpointStore:
    return CheckpointStore(output / "checkpoints", output / "final", Rank(rank, 3), 2, 100, settings)


def _common_step(stores: list[CheckpointStore], monkeypatch: pytest.MonkeyPatch) -> int:
    """What all ranks agree on: first each says what it has, then each gets what all have said."""
    said: list[list[int]] = []

    def listen(rank: Rank, values: list[int]) -> list[list[int]]:
        said.append(values)
        return [values]

    monkeypatch.setattr(tinybert.training.checkpoint, "gather_from_ranks", listen)
    for store in stores:
        store.common_step()
    monkeypatch.setattr(tinybert.training.checkpoint, "gather_from_ranks", lambda rank, values: said)
    (step,) = {store.common_step() for store in stores}
    return step


def _save(stores: list[CheckpointStore], step: int) -> None:
    for store in stores:
        store.save(step, TENSORS, {"model": {}})


def test_the_newest_checkpoint_that_is_whole_on_every_rank_is_agreed_on(
    stores: list[CheckpointStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _common_step(stores, monkeypatch) == 0
    _save(stores, 10)
    _save(stores, 20)
    assert _common_step(stores, monkeypatch) == 20
    _save(stores[:2], 30)
    assert _common_step(stores, monkeypatch) == 20
    _save(stores[2:], 30)
    assert _common_step(stores, monkeypatch) == 30


def test_the_last_checkpoint_of_all_is_never_removed_for_one_that_some_rank_lacks(
    stores: list[CheckpointStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (10, 20, 30):
        _save(stores, step)
    _save(stores[:1], 40)
    assert stores[0].steps() == [30, 40]
    assert _common_step(stores, monkeypatch) == 30


def test_a_rank_that_never_writes_its_marker_costs_no_more_than_one_checkpoint(
    stores: list[CheckpointStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(stores, 10)
    _save(stores, 20)
    for _ in range(9):  # as many restarts: more than a marker has steps
        _save(stores[:2], 30)
        assert _common_step(stores, monkeypatch) == 20


def test_a_kill_while_an_old_checkpoint_is_removed_leaves_whole_ones_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(directory: Path) -> None:
        (directory / "config.json").unlink()
        raise KeyboardInterrupt

    store = _store(tmp_path, 0)
    for step in (10, 20):
        store.save(step, TENSORS, {"model": {}})
    with monkeypatch.context() as patch:
        patch.setattr(tinybert.training.checkpoint.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            store.save(30, TENSORS, {"model": {}})
    assert [path.name for path in store.directory.glob("step-*")] == ["step-00000020"]
    store.save(30, TENSORS, {"model": {}})
    assert sorted(path.name for path in store.directory.iterdir()) == ["step-00000020", "step-00000030"]


def test_a_final_model_of_rank_0_ends_the_matter(
    stores: list[CheckpointStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(stores, 10)
    first = stores[0]
    first.path(10).rename(first.final)
    assert _common_step(stores, monkeypatch) == 100


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors", "training.safetensors"])
def test_a_checkpoint_that_lacks_a_file_counts_for_nothing(tmp_path: Path, lost: str) -> None:
    store = _store(tmp_path, 0)
    for step in (10, 20):
        store.save(step, TENSORS, {"model": {}})
    (store.path(10) / lost).unlink()
    assert store.steps() == [20]


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors"])
def test_a_final_model_that_lacks_a_file_is_made_again(tmp_path: Path, lost: str) -> None:
    store = _store(tmp_path, 0)
    store.save(10, TENSORS, {"model": {}})
    shutil.copytree(store.path(10), store.final)
    assert store.is_complete()
    (store.final / lost).unlink()
    assert not store.is_complete()
    store.check_unused(resume=True)


def test_ranks_with_other_settings_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = [_store(tmp_path, rank, {**SETTINGS, "instances": 7 if rank == 2 else 8}) for rank in range(3)]
    with pytest.raises(StageError, match="rank 2: other data, teacher or options than rank 0"):
        _common_step(stores, monkeypatch)


def test_checkpoints_of_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    _store(tmp_path, 0).save(10, TENSORS, {"model": {}})
    with pytest.raises(StageError, match=r"other settings.*\n  learning_rate: 0\.1 there, 0\.2 now$"):
        _store(tmp_path, 0, {**SETTINGS, "learning_rate": 0.2}).check_unused(resume=True)


def test_a_marker_of_other_settings_counts_for_nothing(tmp_path: Path) -> None:
    _store(tmp_path, 1).save(10, TENSORS, {"model": {}})
    assert _store(tmp_path, 1).steps() == [10]
    assert _store(tmp_path, 1, {**SETTINGS, "learning_rate": 0.2}).steps() == []


def test_an_unfinished_checkpoint_counts_for_nothing_and_is_written_anew(tmp_path: Path) -> None:
    store = _store(tmp_path, 0)
    unfinished = store.directory / ".step-00000010.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "model.safetensors").write_bytes(b"half")
    assert store.steps() == []
    store.save(10, TENSORS, {"model": {}})
    assert store.steps() == [10]
    assert not unfinished.exists()
    assert read_tensors(store.path(10) / "model.safetensors")["x"].tolist() == [1, 1, 1]
