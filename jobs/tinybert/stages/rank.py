"""This process among the others: read from the environment, started with MindSpore.

The launcher sets RANK_ID, RANK_SIZE, LAUNCHER_LOCAL_RANKS, DEVICE_ID, and either RANK_TABLE_FILE or the MS_*
variables of the dynamic mode (the only one on CPU), whose scheduler runs the same command with
MS_ROLE=MS_SCHED.
A process started by hand has none of them: rank 0 of 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinybert.stages.stage import StageError

ASCEND_MANAGER = Path("/dev/davinci_manager")


@dataclass(frozen=True)
class Rank:
    """One of `size` processes that train together, `local_size` of them on this host.

    `device` is "CPU" or "Ascend".
    """

    id: int = 0
    size: int = 1
    device_id: int = 0
    device: str = "CPU"
    log_dir: Path = Path("LOG0")
    local_size: int = 1

    @classmethod
    def from_environment(cls, device: str, env: Mapping[str, str] = os.environ) -> Rank:
        """Read the contract's variables. `device` is "cpu", "ascend" or "auto". Raises StageError."""
        size = _number(env, "RANK_SIZE", 1)
        rank = _number(env, "RANK_ID", 0)
        if not 0 <= rank < size:
            raise StageError(f"RANK_ID is {rank}, but RANK_SIZE is {size}")
        name = _device_name(device)
        if size > 1 and "MS_ROLE" not in env and (name == "CPU" or "RANK_TABLE_FILE" not in env):
            raise StageError(
                f"RANK_SIZE is {size}, but MS_ROLE is not set: start the ranks with the launcher, "
                "or unset RANK_SIZE to train alone"
            )
        log_dir = Path(env.get("LAUNCHER_LOG_DIR") or f"LOG{rank}")
        local_size = _number(env, "LAUNCHER_LOCAL_RANKS", size)
        return cls(rank, size, _number(env, "DEVICE_ID", 0), name, log_dir, max(1, local_size))


def is_scheduler(env: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the scheduler of the dynamic mode, which trains nothing."""
    return env.get("MS_ROLE") == "MS_SCHED"


def run_scheduler() -> None:
    """Form the cluster and serve it; does not return."""
    _set_environment(1)
    import mindspore as ms
    from mindspore.communication import init

    ms.set_device("CPU")
    # Waits until all workers have left; MindSpore then ends the process with exit code 0.
    init()


def start(rank: Rank, seed: int) -> None:
    """Import MindSpore, choose the device, join the others (if any) and seed every generator."""
    _set_environment(max(1, len(os.sched_getaffinity(0)) // rank.local_size))
    import mindspore as ms
    from mindspore.communication import init

    # On Ascend DEVICE_ID says which card this container calls its own.
    ms.set_device(rank.device, rank.device_id if rank.device == "Ascend" else None)
    ms.set_context(mode=ms.GRAPH_MODE)
    if rank.size > 1:
        init()
        _check_group(rank)
    ms.set_seed(seed)


def gather_from_ranks(rank: Rank, values: list[int]) -> list[list[int]]:
    """The `values` (as many on each rank, in int32) of all ranks, by rank."""
    import numpy as np

    return gather_arrays(rank, np.array(values, np.int32)).tolist()


def gather_arrays(rank: Rank, values: Any) -> Any:
    """NumPy arrays [...], of one shape and type on all ranks, as [ranks, ...] by rank."""
    if rank.size == 1:
        return values[None]
    import mindspore as ms
    from mindspore import ops

    return ops.AllGather()(ms.Tensor(values[None])).asnumpy()


def broadcast_from_first(rank: Rank, parameters: list[Any]) -> None:
    """Give all ranks the values of rank 0, by one broadcast for each type of number."""
    if rank.size == 1:
        return
    for dtype in sorted({parameter.dtype for parameter in parameters}, key=str):
        _broadcast_flat([parameter for parameter in parameters if parameter.dtype == dtype])


def _broadcast_flat(parameters: list[Any]) -> None:
    import mindspore as ms
    import numpy as np
    from mindspore import ops

    flat = np.concatenate([parameter.asnumpy().reshape(-1) for parameter in parameters])
    (received,) = ops.Broadcast(0)((ms.Tensor(flat),))
    sizes = np.cumsum([parameter.size for parameter in parameters])[:-1]
    for parameter, values in zip(parameters, np.split(received.asnumpy(), sizes)):
        parameter.set_data(ms.Tensor(values.reshape(parameter.shape)))


def _set_environment(threads: int) -> None:
    """What MindSpore reads when it is imported; variables that are set already are kept.

    8 ranks must not start 8 times as many threads as there are cores, and OpenMP must not spin. Messages of
    its C++ side go to files where GLOG_log_dir names a place for them; without one, only errors are shown.
    Ranks of one busy machine finish compiling at very different moments, and the first to add must not give
    up on the last (MindSpore waits 30 s); one that died does not keep it, since the launcher ends all.
    """
    os.environ.setdefault("MS_CPU_COMM_OP_TIMEOUT", "600")
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if "GLOG_log_dir" in os.environ:
        os.environ.setdefault("GLOG_logtostderr", "0")
    else:
        os.environ.setdefault("GLOG_v", "3")


def _check_group(rank: Rank) -> None:
    from mindspore.communication import get_group_size, get_rank

    if (get_rank(), get_group_size()) != (rank.id, rank.size):
        raise RuntimeError(
            f"MindSpore says rank {get_rank()} of {get_group_size()}, "
            f"but RANK_ID is {rank.id} and RANK_SIZE {rank.size}"
        )


def _device_name(device: str) -> str:
    if device == "auto":
        return "Ascend" if ASCEND_MANAGER.exists() else "CPU"
    return {"cpu": "CPU", "ascend": "Ascend"}[device]


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdecimal():
        raise StageError(f"{name} is {text!r}: it must be a whole number")
    return int(text)
