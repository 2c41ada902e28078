"""Images built where they will run, through Docker's API."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launcher.errors import CheckFailed, LauncherError, UsageError
from launcher.hosts import Host, LocalHost
from launcher.images.here import HERE
from launcher.images.identity import Image
from launcher.images.stock import find
from launcher.spec.wording import no_host

if TYPE_CHECKING:
    from launcher.images.fleet import Fleet

_SILENT = 3600.0
"""Seconds that a step may take without a word: compilers and downloads are quiet."""
_LAST_WORDS = 15
_OURS = ("ascend", "cpu")
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Context:
    """What is built."""

    directory: Path
    tag: str
    """Its name where nobody says another."""


@dataclass(frozen=True, slots=True)
class Built:
    """An image that has been built."""

    tag: str
    host: str
    image: Image

    def to_json(self) -> dict[str, Any]:
        """As `image build --json` prints it."""
        image = self.image
        about = {"identity": image.identity, "id": image.id, "architecture": image.architecture}
        return {"image": self.tag, "host": self.host, **about, "size": image.size}


def context_of(what: str | None, is_ascend: bool) -> Context:
    """`ascend` and `cpu` are the launcher's own; else a directory with a Dockerfile. Raises UsageError."""
    chosen = what or ("ascend" if is_ascend else "cpu")
    directory = _own(chosen) if chosen in _OURS else Path(chosen)
    if not (directory / "Dockerfile").is_file():
        raise UsageError(
            f"{directory}: there is no Dockerfile", hint="name ascend, cpu, or a directory that has one"
        )
    name = directory.resolve().name.lower()
    return Context(directory, f"launcher/{name}:latest")


def _own(name: str) -> Path:
    """Beside the package in a checkout, in it in an installed wheel."""
    package = Path(__file__).parents[1]
    installed = package / "image_sources" / name
    return installed if installed.is_dir() else package.parent / "images" / name


def arguments(given: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Build arguments as Docker takes them: NAME=VALUE, or NAME for its value here. Raises UsageError."""
    found = {}
    for each in given:
        name, is_given, value = each.partition("=")
        if not is_given and name not in environ:
            raise UsageError(f"--build-arg {name}: it has no value here", hint=f"--build-arg {name}=VALUE")
        found[name] = value if is_given else environ[name]
    return found


def build_image(
    fleet: Fleet, context: Context, on: str | None, tag: str, args: Mapping[str, str], tell: Tell
) -> Built:
    """Build on a host, `local` for this machine; what the build prints goes to `tell`.

    Raises CheckFailed where the image is not for the cluster's hosts, LauncherError with the last words of a
    build that failed.
    """
    host = _builder(fleet, on)
    sudo = fleet.sites[host.label].sudo if host.label in fleet.sites else False
    wanted = _architectures(fleet)
    _same(host.label, "it", _architecture(host, sudo=sudo), wanted)
    tell(f"{tag}: built on {host.label} from {context.directory}")
    image = _build(host, sudo, context.directory, tag, args, tell)
    _same(host.label, f"image {tag}", image.architecture, wanted)
    return Built(tag, host.label, image)


def _builder(fleet: Fleet, on: str | None) -> Host:
    if on == "local":
        return LocalHost(HERE)
    if on is not None and on not in fleet.hosts:
        raise no_host(on, [*fleet.hosts, "local"])
    return fleet.hosts[on] if on else next(iter(fleet.hosts.values()))


def _architectures(fleet: Fleet) -> dict[str, str]:
    return fleet.on_all(lambda host: _architecture(host, sudo=fleet.sites[host.label].sudo))


def _architecture(host: Host, *, sudo: bool) -> str:
    from launcher.hosts.engine import engine

    with engine(host, sudo=sudo) as api:
        return str(api.version()["Arch"])


def _same(builder: str, what: str, made: str, wanted: Mapping[str, str]) -> None:
    other = [label for label, architecture in wanted.items() if architecture != made]
    if other:
        there = ", ".join(f"{label} is {wanted[label]}" for label in other)
        raise CheckFailed(
            f"built on {builder}, {what} is for {made}, but {there}",
            hint="build on a host of that architecture (--on HOST), from a base image that is for it",
        )


def _build(host: Host, sudo: bool, directory: Path, tag: str, args: Mapping[str, str], tell: Tell) -> Image:
    from launcher.hosts.engine import engine

    with _packed(directory) as archive, engine(host, sudo=sudo, timeout=_SILENT) as api:
        lines = api.build(
            fileobj=archive,
            custom_context=True,
            tag=tag,
            buildargs=dict(args),
            rm=True,
            forcerm=True,
            decode=True,
            network_mode="host",  # proxies often listen on the host's own loopback
        )
        _follow(host.label, lines, tell)
        image = find(api, tag)
    if image is None:
        raise LauncherError(
            f"host {host.label}: the build said that all went well, but there is no image {tag}"
        )
    return image


def _packed(directory: Path) -> Any:
    """The directory as a tar archive in a file, without what .dockerignore names."""
    from docker.utils.build import tar

    ignore = directory / ".dockerignore"
    lines = ignore.read_text("utf-8").splitlines() if ignore.is_file() else []
    exclude = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return tar(directory, exclude=[*exclude, "!Dockerfile"] if exclude else None)


def _follow(label: str, lines: Iterable[Mapping[str, Any]], tell: Tell) -> None:
    """Pass on what a build says. Raises LauncherError with its last words where it failed."""
    last: deque[str] = deque(maxlen=_LAST_WORDS)
    for line in lines:
        for text in str(line.get("stream", "")).splitlines():
            if text.strip():
                last.append(text)
                tell(text)
        if "error" in line:
            words = "\n".join(f"  {text}" for text in [*last, str(line["error"]).strip()])
            raise LauncherError(f"host {label}: the build failed; its last words:\n{words}")
