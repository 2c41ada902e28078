"""Lease and locks with the real scripts on this machine."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from launcher.check.facts import Facts, parse_facts
from launcher.check.questions import check_script
from launcher.claims import lease, locks
from launcher.errors import DevicesHeld
from launcher.hosts import Completed, LocalHost, RemoteError
from launcher.hosts.command import command_line
from launcher.hosts.fence import Fenced
from launcher.remote import script

HOST = LocalHost("here")


@dataclass(frozen=True)
class Part:
    """What of a HostPlan the claims look at."""

    run_dir: str
    locks: tuple[str, ...] = ("cpu-0", "cpu-1", "cpu-2")
    secrets_file: str | None = None


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of locks that nobody else uses."""
    monkeypatch.setattr(locks, "LOCKS", str(tmp_path / "locks"))
    return tmp_path / "locks"


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, Part]:
    """Two runs with a lease each."""
    made = {name: Part(str(tmp_path / name)) for name in ("a", "b")}
    for part in made.values():
        lease.take(HOST, part.run_dir, 1, "me@here 1 2 3", "process")
    return made


def acquire(parts: dict[str, Part], name: str) -> None:
    locks.acquire(HOST, parts[name], 1, name, f"{name}@here 1 2 3")  # type: ignore[arg-type]


def show(names: tuple[str, ...]) -> tuple[locks.Holder, ...]:
    """Holders of those of the locks that are held, as `launcher check` sees them."""
    return check(names).holders


def check(names: tuple[str, ...], host: Any = HOST) -> Facts:
    """What `launcher check` sees of locks."""
    asked = [word for name in names for word in ("lock", name)]
    done = host.run(check_script(), "work_dir", "", "lock_root", locks.LOCKS, *asked)
    return parse_facts(done.out)


def test_a_lease_is_taken_once_and_only_upwards(tmp_path):
    run_dir = str(tmp_path / "run")
    assert lease.show(HOST, run_dir).epoch == 0
    lease.take(HOST, run_dir, 1, "first", "process")
    with pytest.raises(Fenced):
        lease.take(HOST, run_dir, 1, "second", "process")
    lease.take(HOST, run_dir, 3, "third one", "process")
    with pytest.raises(Fenced):
        lease.take(HOST, run_dir, 2, "late", "process")
    shown = lease.show(HOST, run_dir)
    assert (shown.epoch, shown.owner) == (3, "third one")


def test_of_many_who_take_the_same_epoch_one_gets_it(tmp_path):
    def claim(number: int) -> bool:
        try:
            lease.take(HOST, str(tmp_path / "run"), 1, f"owner {number}", "process")
        except Fenced:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(16))) == 1


def test_a_lease_of_a_dead_process_of_this_machine_is_not_fresh():
    sleeper = subprocess.Popen(["sleep", "100"])
    start = Path(f"/proc/{sleeper.pid}/stat").read_text().rpartition(") ")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    owner = f"me@here {sleeper.pid} {start} {boot} {os.readlink('/proc/self/ns/pid')}"
    assert lease.Lease(1, 5.0, owner).is_fresh
    sleeper.kill()
    sleeper.wait()
    assert not lease.Lease(1, 5.0, owner).is_fresh
    assert lease.Lease(1, 5.0, f"me@container {sleeper.pid} {start} {boot} pid:[1]").is_fresh
    assert lease.Lease(1, 5.0, f"me@elsewhere {sleeper.pid} {start} another-boot").is_fresh
    assert not lease.Lease(1, 61.0, "me@elsewhere 1 2 another-boot").is_fresh
    assert not lease.Lease(0, 0.0, "").is_fresh
    assert not lease.Lease(2, 5.0, "").is_fresh


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, which is soon full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_on_a_full_disk_no_epoch_is_left_without_its_owner_and_renewing_needs_no_room(small_disk):
    part = Part(str(small_disk / "run"))
    lease.take(HOST, part.run_dir, 1, "me@here 1 2 3", "process")
    os.utime(small_disk / "run/lease/renewed", (1, 1))
    with pytest.raises(OSError, match="No space left"), open(small_disk / "all", "wb", buffering=0) as rest:
        while rest.write(bytes(4096)):
            pass
    with pytest.raises(RemoteError, match=r"No space left on device\nno lease can be taken in"):
        lease.take(HOST, part.run_dir, 2, "you@there 4 5 6", "process")
    with pytest.raises(RemoteError, match="no lease can be taken in"):
        lease.take(HOST, str(small_disk / "another"), 1, "me@here 1 2 3", "process")
    assert sorted(path.name for path in small_disk.iterdir()) == ["all", "run"]
    assert lease.show(HOST, part.run_dir).epoch == 1
    locks.renew(HOST, part, 1, "a")  # type: ignore[arg-type]
    assert lease.show(HOST, part.run_dir).age < 60


def test_all_locks_or_none(parts, root):
    acquire(parts, "a")
    with pytest.raises(
        DevicesHeld, match=r"^host here: cpu-0, cpu-1, cpu-2 are held by run a of a@here since \d{4}[-\d: ]+$"
    ):
        acquire(parts, "b")
    assert sorted(path.name for path in root.iterdir()) == ["cpu-0", "cpu-1", "cpu-2"]
    locks.release(HOST, parts["a"], 1, "a")
    acquire(parts, "b")
    assert {holder.run for holder in show(parts["b"].locks)} == {"b"}


def test_a_run_may_take_its_own_locks_again(parts):
    acquire(parts, "a")
    acquire(parts, "a")
    assert len(show(parts["a"].locks)) == 3


def test_none_is_kept_when_the_last_is_held(parts, root):
    locks.acquire(HOST, Part(parts["a"].run_dir, ("cpu-2",)), 1, "a", "a@here 1 2 3")  # type: ignore[arg-type]
    with pytest.raises(DevicesHeld, match="cpu-2 is held by run a"):
        acquire(parts, "b")
    assert [path.name for path in root.iterdir()] == ["cpu-2"]


def test_who_lost_the_lease_takes_releases_and_renews_nothing(parts, root):
    acquire(parts, "a")
    lease.take(HOST, parts["a"].run_dir, 2, "another", "process")
    for action in (locks.release, locks.renew):
        with pytest.raises(Fenced):
            action(HOST, parts["a"], 1, "a")
    with pytest.raises(Fenced):
        acquire(parts, "a")
    assert len(list(root.iterdir())) == 3


def make_stale(root: Path, name: str) -> None:
    """As if nobody had touched a lock for three minutes."""
    os.utime(root / name / "touched", (time.time() - 180,) * 2)


def test_a_lock_that_nobody_touches_is_stolen_by_exactly_one(parts, root, tmp_path):
    acquire(parts, "a")
    for name in parts["a"].locks:
        make_stale(root, name)
    assert show(parts["a"].locks) == ()
    thieves = [Part(str(tmp_path / f"t{number}")) for number in range(6)]
    for thief in thieves:
        lease.take(HOST, thief.run_dir, 1, "me", "process")

    def steal(number: int) -> bool:
        try:
            locks.acquire(HOST, thieves[number], 1, f"t{number}", "me")  # type: ignore[arg-type]
        except DevicesHeld:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        winners = [number for number, won in enumerate(pool.map(steal, range(6))) if won]
    assert len(winners) == 1
    assert {holder.run for holder in show(parts["a"].locks)} == {f"t{winners[0]}"}


def left_in_containers(parts: dict[str, Part], root: Path, runtime: str) -> None:
    """The first run has its ranks in containers, and nobody has touched its locks for long."""
    lease.take(HOST, parts["a"].run_dir, 2, "me", runtime)
    locks.acquire(HOST, parts["a"], 2, "a", "a@here 1 2 3")  # type: ignore[arg-type]
    for name in parts["a"].locks:
        make_stale(root, name)


def test_a_lock_is_not_stolen_while_docker_does_not_say_what_runs(parts, root, docker):
    left_in_containers(parts, root, "docker")
    docker.set(refusal="no daemon")
    with pytest.raises(DevicesHeld):
        acquire(parts, "b")
    docker.set(refusal="")
    acquire(parts, "b")


def test_a_lock_is_not_stolen_while_the_run_has_containers_in_the_docker_of_sudo(parts, root, docker):
    left_in_containers(parts, root, "sudo docker")
    docker.add("x", {"launcher.run": "a"}, pid=os.getpid())
    docker.set(another_without_sudo=True)
    assert {holder.run for holder in show(parts["a"].locks)} == {"a"}
    with pytest.raises(DevicesHeld):
        acquire(parts, "b")
    docker.keep({**docker.containers()[0], "status": "exited"})
    acquire(parts, "b")


class Noisy(LocalHost):
    """This machine, whose shell complains each time."""

    def run(self, *words: Any, **more: Any) -> Completed:
        return replace(super().run(*words, **more), err="/bin/sh: warning: setlocale: LC_ALL\n")


def test_what_a_host_complains_of_is_no_path_that_root_should_remove(parts):
    acquire(parts, "a")
    with pytest.raises(DevicesHeld) as held:
        locks.acquire(Noisy("here"), parts["b"], 1, "b", "b@here 1 2 3")  # type: ignore[arg-type]
    assert held.value.hint.startswith("wait for that run")


def test_what_others_have_written_into_a_lock_is_one_line(parts, root):
    acquire(parts, "a")
    (root / "cpu-0/owner").write_text("eve@desk 1 2 3\nleft /etc\n")
    (root / "cpu-1/since").write_text("9" * 400)
    (root / "cpu-2/since").write_text("99999999999999")
    with pytest.raises(DevicesHeld) as held:
        acquire(parts, "b")
    assert "of eve@desk since" in str(held.value) and "1970" in str(held.value)
    assert held.value.hint.startswith("wait for that run")


class Stranger:
    """This machine, as another user."""

    label = "here"

    def run(self, script: str, *words: str, **_: object) -> Completed:
        line = command_line(script, words)
        as_another = ["setpriv", "--reuid=4343", "--regid=4343", "--clear-groups", "sh", "-c", line]
        done = subprocess.run(as_another, capture_output=True, text=True)
        return Completed(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(os.getuid() != 0, reason="two users are needed: root")
def test_who_may_not_take_what_another_user_has_left_is_told_who_may(parts, monkeypatch):
    with tempfile.TemporaryDirectory() as public:
        Path(public).chmod(0o777)
        root = Path(public) / "locks"
        monkeypatch.setattr(locks, "LOCKS", str(root))
        acquire(parts, "a")
        mine = Part(f"{public}/run", ("cpu-0",))
        lease.take(Stranger(), mine.run_dir, 1, "me", "process")  # type: ignore[arg-type]
        with pytest.raises(DevicesHeld) as held:
            locks.acquire(Stranger(), mine, 1, "b", "b@here 1 2 3")  # type: ignore[arg-type]
        assert held.value.hint.startswith("wait for that run")
        assert check(("cpu-0",), Stranger()).left == ()
        make_stale(root, "cpu-1")
        both = Part(mine.run_dir, ("cpu-0", "cpu-1"))
        with pytest.raises(DevicesHeld) as held:
            locks.acquire(Stranger(), both, 1, "b", "b@here 1 2 3")  # type: ignore[arg-type]
        assert held.value.hint.startswith("wait for that run")  # another of its locks is touched: it lives
        make_stale(root, "cpu-0")
        with pytest.raises(DevicesHeld) as held:
            locks.acquire(Stranger(), mine, 1, "b", "b@here 1 2 3")  # type: ignore[arg-type]
        assert held.value.hint.endswith(f"as root, rm -rf {root}/cpu-0")
        shown = check(("cpu-0",), Stranger())  # told before, too: it cannot be taken
        assert ([each.name for each in shown.holders], shown.left) == (["cpu-0"], (f"{root}/cpu-0",))
        assert check(("cpu-0",)).holders == ()  # who left it, and root, just take it


def test_a_lock_whose_ranks_still_run_is_not_stolen(parts, root):
    acquire(parts, "a")
    state = Path(parts["a"].run_dir) / "attempt-1" / "state"
    state.mkdir(parents=True)
    start = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (state / "0.pid").write_text(f"{os.getpid()} {start} {boot} 1.0\n")
    for name in parts["a"].locks:
        make_stale(root, name)
    with pytest.raises(DevicesHeld):
        acquire(parts, "b")


def test_an_empty_lock_directory_is_nobodys(parts, root):
    (root / "cpu-1").mkdir(parents=True)
    acquire(parts, "b")
    assert {holder.run for holder in show(parts["b"].locks)} == {"b"}


def test_a_lock_that_says_nothing_of_its_run_is_held_until_it_is_old(parts, root):
    (root / "cpu-1").mkdir(parents=True)
    (root / "cpu-1" / "owner").write_text("somebody\n")
    with pytest.raises(DevicesHeld, match="cpu-1 is held by run unknown"):
        acquire(parts, "b")
    os.utime(root / "cpu-1", (1, 1))
    acquire(parts, "b")


def test_what_another_user_wrote_into_a_lock_is_never_run(parts, root, tmp_path):
    (root / "cpu-0").mkdir(parents=True)
    (root / "cpu-0" / "touched").write_text(f"a[$(touch {tmp_path}/hacked)]\n")
    (root / "cpu-0" / "since").write_text(f"a[$(touch {tmp_path}/hacked)]\n")
    (root / "cpu-0" / "run").write_text("$(touch hacked)\n")
    with pytest.raises(DevicesHeld):
        acquire(parts, "b")
    assert not (tmp_path / "hacked").exists()


def test_renewing_touches_lease_and_own_locks_only(parts, root):
    acquire(parts, "a")
    make_stale(root, "cpu-0")
    (root / "cpu-1" / "run").write_text("other\n")
    make_stale(root, "cpu-1")
    locks.renew(HOST, parts["a"], 1, "a")
    assert time.time() - (root / "cpu-0" / "touched").stat().st_mtime < 60
    assert time.time() - (root / "cpu-1" / "touched").stat().st_mtime >= 180


def test_secrets_go_with_their_directory(parts, tmp_path):
    secrets = tmp_path / "shm" / "run" / "secrets"
    secrets.parent.mkdir(parents=True)
    secrets.write_text("A=b\n")
    part = Part(parts["a"].run_dir, secrets_file=str(secrets))
    locks.remove_secrets(HOST, part, 1)  # type: ignore[arg-type]
    assert not secrets.parent.exists()


def test_a_free_port_is_the_first_that_nobody_has():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = HOST.run(script("free_port"), str(port), "1")
    assert done.out == "1\n"
    assert HOST.run(script("free_port")).code != 0
