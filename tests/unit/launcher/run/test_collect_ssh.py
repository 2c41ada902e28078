"""Collecting over a real SSH connection that is reset in the middle."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.hosts import Endpoint, connect
from launcher.hosts.ssh import SshHost
from launcher.remote import script
from launcher.run.collect import one_host, receive
from launcher.run.collect.listing import Source
from launcher.run.collect.one_host import bring
from launcher.run.collect.place import Place
from tests.fakes import unpacked
from tests.ssh_server import SshServer, write_key


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SshServer, SshHost]]:
    monkeypatch.setattr(one_host, "_PAUSE", 0.0)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key = write_key(tmp_path / "key")
    with SshServer(key) as server:
        (tmp_path / "known").write_text(server.known_hosts_line())
        endpoint = Endpoint(
            label="far",
            address="127.0.0.1",
            user="ann",
            port=server.port,
            key=str(key),
            known_hosts=str(tmp_path / "known"),
        )
        host = connect(endpoint)
        assert isinstance(host, SshHost)
        yield server, host
        host.close()


@pytest.fixture
def there(tmp_path: Path) -> Path:
    (tmp_path / "there/LOG0").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    return tmp_path / "there"


def test_a_host_that_hangs_is_given_up(
    far: tuple[SshServer, SshHost], there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, host = far
    (there / "LOG0/log.txt").write_text("all of it\n")
    shell, goes_on = server.handler, threading.Event()

    server.handler = lambda command, channel: (
        shell(command, channel) if script("manifest") in unpacked(command) else int(goes_on.wait(60))
    )
    monkeypatch.setattr(receive, "_SILENCE", 0.2)
    brought = bring(Source(host, str(there), ("LOG0",)), Place(tmp_path / "here"))
    goes_on.set()
    assert "no byte of its files came for 0.2 s" in str(brought.failure)


def test_any_name(far: tuple[SshServer, SshHost], there: Path, tmp_path: Path) -> None:
    names = [
        b"plain",
        b"two words",
        b"'\"$(touch hacked)`",
        b"back\\slash \\0101 %s",
        b"latin \xe9",
        "数据".encode(),
    ]
    for name in names:
        (there / "LOG0" / os.fsdecode(name)).write_bytes(name)
    assert bring(Source(far[1], str(there), ("LOG0",)), Place(tmp_path / "here")).errors == []
    assert sorted(path.read_bytes() for path in (tmp_path / "here/LOG0").iterdir()) == sorted(names)
    assert sorted(os.listdir(tmp_path / "here/LOG0")) == sorted(map(os.fsdecode, names))


def test_a_reset_costs_nothing_that_had_arrived(
    far: tuple[SshServer, SshHost], there: Path, tmp_path: Path
) -> None:
    server, host = far
    content = random.Random(0).randbytes(60_000_000)
    (there / "LOG0/log.txt").write_bytes(content)
    partial = tmp_path / "here/.partial/LOG0/log.txt"
    cut_at = []

    def reset() -> None:
        while not partial.exists() or partial.stat().st_size < 1_000_000:
            time.sleep(0.001)
        server.drop()
        cut_at.append(partial.stat().st_size)

    saboteur = threading.Thread(target=reset)
    saboteur.start()
    brought = bring(Source(host, str(there), ("LOG0",)), Place(tmp_path / "here"))
    saboteur.join()
    assert brought.errors == []
    assert 1_000_000 <= cut_at[0] < len(content)
    assert server.connections == 2
    assert brought.tally.size == len(content)
    assert (tmp_path / "here/LOG0/log.txt").read_bytes() == content
