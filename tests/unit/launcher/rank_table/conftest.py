"""Small clusters, and the golden rank tables that `build` and `render` make of them."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from launcher.rank_table import Chip, Entry
from tests.golden_files import GOLDEN


def sdid(server_index: int, device_id: int) -> str:
    return str(server_index << 22 | device_id // 2 << 18 | device_id % 2 << 16 | device_id)


def entry_910(host: int, device_id: int) -> Entry:
    address = f"10.1.0.{host}"
    return Entry(
        address, device_id, host_ip=address, device_ip=f"172.20.{device_id % 4}.{host + device_id // 4}"
    )


def entry_a3(host: int, device_id: int, super_pod: str | None) -> Entry:
    return Entry(
        server_id=f"node_{host}",
        device_id=device_id,
        host_ip=f"10.2.0.{host + 1}",
        device_ip=f"172.21.{host}.{device_id + 1}",
        super_device_id=sdid(host + 7, device_id) if super_pod else None,
        super_pod=super_pod,
    )


CLUSTERS: dict[str, tuple[Chip, list[Entry]]] = {
    "one_server": (Chip.ASCEND910B, [entry_910(21, d) for d in range(8)]),
    "two_servers": (Chip.ASCEND910, [entry_910(h, d) for h in (23, 21) for d in range(8)]),
    "ai_server_a3": (Chip.ASCEND910_93, [entry_a3(h, d, None) for h in range(2) for d in range(4)]),
    "super_pod": (Chip.ASCEND910_93, [entry_a3(h, d, "0") for h in range(2) for d in range(4)]),
    "two_super_pods": (
        Chip.ASCEND910_93,
        [entry_a3(h, d, f"pod_{h // 2}") for h in range(4) for d in range(2)],
    ),
}


@pytest.fixture(params=CLUSTERS)
def cluster(request: pytest.FixtureRequest) -> tuple[str, Chip, list[Entry]]:
    return request.param, *CLUSTERS[request.param]


@pytest.fixture
def golden() -> Callable[[str], str]:
    return lambda name: (GOLDEN / "rank_table" / f"{name}.json").read_text(encoding="utf-8")


@pytest.fixture
def altered(golden: Callable[[str], str]) -> Callable[[str, dict[str, Any]], str]:
    """A golden table with other values at some key paths; `...` removes, one past a list's end appends."""

    def alter(name: str, changes: dict[str, Any]) -> str:
        table = json.loads(golden(name))
        for path, value in changes.items():
            _assign(table, path, value)
        return json.dumps(table, indent=2)

    return alter


def _assign(table: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = [int(index) if index else key for index, key in re.findall(r"\[(\d+)\]|(\w+)", path)]
    holder: Any = table
    for step in parents:
        holder = holder[step]
    if value is ...:
        del holder[last]
    elif isinstance(holder, list) and last == len(holder):
        holder.append(value)
    else:
        holder[last] = value
