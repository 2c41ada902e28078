"""The job file: what runs, on how many ranks, with which data, and what to do when a rank fails."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from launcher.spec.base import Model
from launcher.spec.cluster import DeviceKind
from launcher.spec.plain import plain_value
from launcher.spec.scalars import (
    AbsolutePath,
    Duration,
    EnvName,
    Flag,
    HcclTimeout,
    ImageName,
    Integer,
    Name,
    Parameter,
    ParameterName,
    Positive,
    Ranks,
    SchemaVersion,
    Size,
    Text,
    Word,
)


class Placement(str, Enum):
    """`pack` fills one host after the other, `spread` gives every host the same number of ranks."""

    PACK = "pack"
    SPREAD = "spread"


class Launch(str, Enum):
    """How ranks find each other: a rank table (Ascend), MindSpore's dynamic cluster, or not at all."""

    RANK_TABLE = "rank_table"
    DYNAMIC = "dynamic"
    NONE = "none"


class OnFailure(str, Enum):
    """What the first failed rank does to the others."""

    STOP_ALL = "stop_all"
    CONTINUE = "continue"


class Script(Model):
    """A template of the rank script and what it is given."""

    template: Word
    """A file beside the job file, or one of the launcher's templates."""
    parameters: dict[ParameterName, Parameter] = {}


class Volume(Model):
    """A directory or file of the host that ranks see at `target`."""

    source: Word | None = None
    """On the host; relative to the job file on this machine. The volume `output` may leave it out: then it is
    the run's own checkpoint directory. The source of `code` is on this machine; a snapshot is uploaded."""
    target: AbsolutePath | None = None
    """Absolute path in containers; default /launcher/<name>. Processes see the source itself."""
    read_only: Flag | None = None
    """Default: true, but for `output`."""


class Timeouts(Model):
    """Durations: seconds, or with a unit (`90s`, `10m`, `8h`, `2d`)."""

    start: Duration = 600.0
    """From the first rank started to the last."""
    run: Duration | None = None
    """Of the whole run; the job has then run out of time (exit code 1)."""
    stop_grace: Duration | None = None
    """From TERM to KILL when a rank has failed. Default: 1 s on CPU, 5 s on Ascend (the NPU is let go)."""
    cancel_grace: Duration = 30.0
    """From TERM to KILL on cancel."""
    orphan_grace: Duration = 300.0
    """Without a supervisor for so long, ranks end once one of their host has failed."""
    max_unattended: Duration | None = None
    """Without a supervisor for so long, ranks end in any case."""
    hccl_connect: HcclTimeout = 600.0
    """HCCL_CONNECT_TIMEOUT, above the start skew of the hosts."""


class Restart(Model):
    """Whether a failed run is tried again, as a new attempt that resumes from its checkpoints."""

    max: Annotated[int, Field(strict=True, ge=0, le=100), BeforeValidator(plain_value)] = 0
    delay: Duration = 10.0
    """Before the next attempt: NPUs need some seconds to be let go (EJ0001)."""
    exit_codes: tuple[Integer, ...] = ()
    """Only after these exit codes of the first failed rank; empty means any."""


class Limits(Model):
    """What a run may use up."""

    log_bytes: Size = 1_000_000_000
    """Of each rank's log.txt; a rank that writes more is ended, so that it cannot fill the host's disk."""
    checkpoints: Positive = 2
    """Kept in the output volume; handed to the job as LAUNCHER_KEEP_CHECKPOINTS."""


class Needs(Model):
    """What `check` looks for on each host before anything is started."""

    memory_per_rank: Size = 0
    disk: Size = 0
    """Free in the work directory."""
    packages: tuple[Text, ...] = ()
    """Python requirements, such as `mindspore>=2.6`; looked for where ranks are processes."""


class Job(Model):
    """A job file."""

    schema_version: SchemaVersion = Field(alias="schema")
    name: Name
    ranks: Ranks
    placement: Placement = Placement.PACK
    devices_per_rank: Annotated[int, Field(strict=True, ge=0, le=1), BeforeValidator(plain_value)] = 1
    """1, or 0 for work on data that needs no device."""
    launch: Launch | None = None
    """Default: `rank_table` on Ascend, `dynamic` on CPU, `none` for one rank without a device."""
    on_failure: OnFailure = OnFailure.STOP_ALL
    script: Script | None = None
    command: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Words of a command, instead of a script; nothing in them is expanded by a shell."""
    image: ImageName | None = None
    cann: Literal["image", "host"] = "image"
    """Where CANN comes from: the image, or /usr/local/Ascend of the host."""
    volumes: dict[Name, Volume] = {}
    env: dict[EnvName, Text] = {}
    secrets: tuple[EnvName, ...] = ()
    """Names of environment variables of the launching shell; their values are never stored."""
    user: Word | None = None
    """User of the containers; default: the SSH user's uid:gid."""
    timeouts: Timeouts = Timeouts()
    restart: Restart = Restart()
    limits: Limits = Limits()
    collect: tuple[Text, ...] = ("*",)
    """Patterns of the files in LOG<rank>/ that are collected."""
    needs: Needs = Needs()
    on_cpu: dict[str, Any] = {}
    """Values that replace those above where the cluster's device is `cpu`."""

    @model_validator(mode="after")
    def _script_or_command(self) -> Job:
        if (self.script is None) == (self.command is None):
            raise ValueError("give either `script` or `command`")
        return self

    def launch_on(self, device: DeviceKind, ranks: int) -> Launch:
        """How so many ranks meet: `launch`, or where it is left open not at all for one rank or no device."""
        if self.launch is not None:
            return self.launch
        if ranks == 1 or self.devices_per_rank == 0:
            return Launch.NONE
        return Launch.RANK_TABLE if device.is_ascend else Launch.DYNAMIC
