"""Docker on a host: the Docker SDK over a `docker system dial-stdio` channel of the host's own connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import requests
import urllib3
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import APIError, DockerException
from docker.transport.basehttpadapter import BaseHTTPAdapter
from docker.utils import version_lt

from launcher.errors import LauncherError
from launcher.hosts.base import Dial, DockerSilent, Host, RemoteError
from launcher.hosts.fence import FENCED, Fenced
from launcher.remote import script

_BASE = "http+docker://host"
_OFFERED = "Api-Version"
_TIMEOUT = 120.0
_KILLED = 128


class Engine:
    """A way to a host's Docker, open until it is closed; `fence` is run directory and epoch, for changes."""

    def __init__(
        self,
        host: Host,
        *,
        fence: tuple[str, int] | None = None,
        sudo: bool = False,
        timeout: float = _TIMEOUT,
    ) -> None:
        run_dir, epoch = ("", "") if fence is None else (fence[0], str(fence[1]))
        self._host, self._timeout = host, timeout
        self._dial = host.dial(script("engine"), run_dir, epoch, "sudo" if sudo else "", timeout=timeout)
        self._client: docker.APIClient | None = None

    @contextmanager
    def use(self) -> Iterator[docker.APIClient]:
        """Its client. Raises Fenced, RemoteError with Docker's own words, DockerSilent, HostError."""
        host = self._host
        try:
            if self._client is None:
                self._client = _client(self._dial, self._timeout)
            yield self._client
        except APIError as error:
            raise RemoteError(f"host {host.label}: {error.explanation or error}") from error
        except requests.Timeout as error:
            words = f"host {host.label}: Docker did not answer within {self._timeout:g} s"
            raise DockerSilent(words) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, DockerException, OSError) as error:
            raise _why(host, self._dial, error) from error

    def close(self) -> None:
        """Hang up."""
        self._dial.close()


@contextmanager
def engine(
    host: Host, *, fence: tuple[str, int] | None = None, sudo: bool = False, timeout: float = _TIMEOUT
) -> Iterator[docker.APIClient]:
    """A client of the host's Docker, for a moment. Raises as `Engine.use` does."""
    opened = Engine(host, fence=fence, sudo=sudo, timeout=timeout)
    try:
        with opened.use() as api:
            yield api
    finally:
        opened.close()


def _why(host: Host, dial: Dial, error: Exception) -> LauncherError:
    """What the script said that should have been the way to Docker."""
    done = dial.verdict()
    words = done.err.strip()
    if done.code == FENCED:
        return Fenced(f"host {host.label}: {words}")
    if 0 < done.code < _KILLED and words:
        return RemoteError(f"host {host.label}: {words}", hint=_hint(words))
    return DockerSilent(f"host {host.label}: Docker hung up: {words or error}")


def _hint(words: str) -> str | None:
    if "permission denied" in words:
        return "let the SSH user into the group docker, or set `ssh: {sudo: true}` in the cluster file"
    if "sudo:" in words:
        return "sudo must need no password for docker: NOPASSWD in sudoers"
    return None


class _Connection(urllib3.connection.HTTPConnection):
    """One HTTP connection, through a channel that is open already."""

    def __init__(self, dial: Dial) -> None:
        super().__init__("host")
        self._dial: Dial | None = dial

    def connect(self) -> None:
        if self._dial is None:
            raise ConnectionError("the channel to Docker has been closed")
        self.sock, self._dial = self._dial.socket, None

    def close(self) -> None:
        """The channel stays: when it ended before its time, its script still has something to say."""
        self.sock = None


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, dial: Dial) -> None:
        super().__init__("host", maxsize=1, block=True)
        self._dial = dial

    def _new_conn(self) -> _Connection:
        return _Connection(self._dial)


class _Adapter(BaseHTTPAdapter):
    def __init__(self, dial: Dial) -> None:
        self._pool = _Pool(dial)
        super().__init__()

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> _Pool:
        return self._pool

    def request_url(self, request: Any, proxies: Any) -> str:
        return str(request.path_url)

    def close(self) -> None:
        self._pool.close()


def _client(dial: Dial, timeout: float) -> docker.APIClient:
    """Speaks the newest version of the API that both sides know.

    `/_ping` says it in a header, where Docker's own command line looks, too; for `/version` the engine starts
    three programs.
    """
    adapter = _Adapter(dial)
    first = _mounted(adapter, docker.constants.MINIMUM_DOCKER_API_VERSION, timeout)
    offered = first.get(f"{_BASE}/_ping", timeout=timeout).headers.get(_OFFERED)
    offered = offered or first.version(api_version=False)["ApiVersion"]
    newest = offered if version_lt(offered, DEFAULT_DOCKER_API_VERSION) else DEFAULT_DOCKER_API_VERSION
    return _mounted(adapter, newest, timeout)


def _mounted(adapter: _Adapter, version: str, timeout: float) -> docker.APIClient:
    client = docker.APIClient(base_url="http://host:80", version=version, timeout=int(timeout))
    client.base_url = _BASE  # its streams look for this scheme
    client.trust_env = False  # no proxy between us and a channel that is open
    client.mount("http+docker://", adapter)
    return client
