"""The Ascend Docker Runtime, which gives a container the NPUs that its environment names. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

NAME = "ascend"
"""As `docker run --runtime` has it."""
VISIBLE = "ASCEND_VISIBLE_DEVICES"
_ITEM = re.compile(r"(?:[A-Za-z]\w*-|(\d{1,9})\s*-\s*)?(\d{1,9})")
"""An id, a range, or a name such as `npu-1`; what is none, as `void`, gives nothing."""


def is_given(device: int, env: Sequence[str]) -> bool:
    """Whether a container of this runtime gets the NPU of that physical id; `env` holds `NAME=value`."""
    values = [value for name, _, value in (line.partition("=") for line in env) if name == VISIBLE]
    items = [_ITEM.fullmatch(item.strip()) for item in values[-1].split(",")] if values else []
    return any(int(item[1] or item[2]) <= device <= int(item[2]) for item in items if item)
