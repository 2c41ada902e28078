"""The clean script against directories that must go and directories that must stay."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from launcher.claims import lease
from launcher.hosts import LocalHost
from launcher.remote import script
from tests.unit.launcher.fake_docker import FakeDocker

RUN = "t-20260131-0a1b2c"
OTHER = "t-20260131-ffffff"
DIGEST = "0" * 64


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work directory and a directory of locks whose names no shell must take apart."""
    directory = tmp_path / "work $(touch hacked) 'dir*"
    (directory / "runs").mkdir(parents=True)
    (directory / "locks").mkdir()
    return directory


def make_run(
    work: Path, run: str, *, finished: bool = True, epoch: int = 1, code: str = "", runtime: str = "process"
) -> Path:
    directory = work / "runs" / run
    lease.take(LocalHost(), str(directory), epoch, "me", runtime)
    (directory / "attempt-1/state").mkdir(parents=True)
    (directory / "attempt-1/plan.json").write_text(f'{{"code_dir": "/x/code/{code}"}}')
    if finished:
        (directory / "finished").write_text("0\n")
    return directory


def make_code(work: Path, name: str) -> Path:
    directory = work / "code" / name
    directory.mkdir(parents=True)
    (directory / "file").write_text("x")
    (directory / "file").chmod(0o444)
    directory.chmod(0o555)
    return directory


def make_lock(work: Path, name: str, *, age: float, run: str = RUN, run_dir: Path | None = None) -> Path:
    lock = work / "locks" / name
    lock.mkdir()
    (lock / "run").write_text(f"{run}\n")
    (lock / "touched").touch()
    os.utime(lock / "touched", (time.time() - age,) * 2)
    (lock / "run_dir").write_text(f"{run_dir}\n")
    return lock


def clean(work: Path, mode: str, *run: str, end: str = "unknown") -> list[str]:
    """The lines of the script without sizes; they are whole numbers. A run is its name and epoch."""
    words = (*run, end) if run else ()
    done = LocalHost().run(script("clean"), mode, str(work), str(work / "locks"), *words)
    assert done.code == 0, done.err
    lines = []
    for line in done.out.splitlines():
        what, name, rest = line.split(" ", 2)
        if what not in ("kept", "loses"):
            assert rest.isdigit()
        lines.append(line if what in ("kept", "loses") else f"{what} {name}")
    return lines


def test_a_finished_run_goes_with_its_code(work: Path) -> None:
    run = make_run(work, RUN, code=DIGEST)
    code = make_code(work, DIGEST)
    for mode in ("look", "look", "remove"):
        assert run.exists()
        assert code.exists()
        assert clean(work, mode, RUN, "1") == [f"run {RUN}", f"code {DIGEST}"]
    assert list((work / "runs").iterdir()) == list((work / "code").iterdir()) == []
    assert clean(work, "remove", RUN, "1") == []


def test_what_a_run_could_not_let_go_of_at_its_end_goes_with_it(work: Path, docker: FakeDocker) -> None:
    make_run(work, RUN, runtime="docker")
    secrets = Path(f"/dev/shm/launcher-{os.getuid()}") / RUN
    secrets.mkdir(parents=True)
    docker.add("left", {"launcher.run": RUN, "launcher.owner": str(os.getuid())})
    docker.add("anothers", {"launcher.run": OTHER, "launcher.owner": str(os.getuid())})
    docker.set(refusal="no daemon")
    kept = f"kept {RUN} its ranks live, or Docker does not answer"
    assert clean(work, "remove", RUN, "1") == [kept]
    docker.set(refusal="")
    assert clean(work, "look", RUN, "1") == clean(work, "remove", RUN, "1") == [f"run {RUN}"]
    assert not secrets.exists()
    assert [each["name"] for each in docker.containers()] == ["anothers"]


def test_a_run_is_looked_for_in_the_docker_that_it_went_by(work: Path, docker: FakeDocker) -> None:
    make_run(work, RUN, runtime="sudo docker")
    labels = {"launcher.run": RUN, "launcher.owner": str(os.getuid())}
    docker.add("alive", labels, pid=os.getpid())
    docker.set(another_without_sudo=True)
    assert living(work) == {RUN: 1}
    assert clean(work, "remove", RUN, "1") == [f"kept {RUN} its ranks live, or Docker does not answer"]
    docker.keep({**docker.containers()[0], "status": "exited"})
    assert living(work) == {RUN: 0}
    assert clean(work, "remove", RUN, "1") == [f"run {RUN}"]
    assert docker.containers() == []


def test_what_a_loss_of_power_has_emptied_is_not_there(work: Path) -> None:
    run = make_run(work, RUN)
    (run / "finished").write_text("")
    _, epoch, age, code, attempt, alive, owner = LocalHost().run(script("runs"), str(work)).out.split()
    assert (epoch, code, attempt, alive, owner) == ("1", "-", "1", "0", "me") and int(age) < 60
    assert LocalHost().run(script("is_finished"), str(run)).out == "no\n"
    assert clean(work, "remove", RUN, "1") == [f"kept {RUN} it has not ended"]


def living(work: Path) -> dict[str, int]:
    """Live processes and containers of each run, as `launcher list` gets them."""
    rows = [line.split() for line in LocalHost().run(script("runs"), str(work)).out.splitlines()]
    return {row[0]: int(row[5]) for row in rows}


def test_runs_through_sudo_and_without_are_counted_each_in_its_docker(work: Path, docker: FakeDocker) -> None:
    make_run(work, RUN, runtime="sudo docker")
    make_run(work, OTHER, runtime="docker")
    for run in (RUN, RUN, OTHER):
        docker.add(run, {"launcher.run": run}, pid=os.getpid())
    assert living(work) == {RUN: 2, OTHER: 1}
    docker.set(another_without_sudo=True)
    assert living(work) == {RUN: 2, OTHER: 0}


def test_what_a_killed_shell_has_left_goes(work: Path) -> None:
    run = make_run(work, RUN, finished=False)
    assert LocalHost().run(script("runs"), str(work)).out.split()[3:6] == ["-", "1", "0"]
    (run / "attempt-1/plan.json").unlink()
    assert LocalHost().run(script("runs"), str(work)).out.split()[3:6] == ["-", "0", "0"]
    assert clean(work, "remove", RUN, "1") == [f"run {RUN}"]


def test_only_the_runs_that_are_named_go(work: Path) -> None:
    make_run(work, RUN)
    other = make_run(work, OTHER)
    assert clean(work, "remove", RUN, "1") == [f"run {RUN}"]
    assert other.exists()


@pytest.mark.parametrize("mode", ["look", "remove"])
def test_code_that_a_run_uses_stays(work: Path, mode: str) -> None:
    make_run(work, RUN, code=DIGEST)
    make_run(work, OTHER, code=DIGEST, finished=False)
    code = make_code(work, DIGEST)
    assert clean(work, mode, RUN, "1") == [f"run {RUN}"]
    assert code.exists()


@pytest.mark.parametrize("mode", ["look", "remove"])
@pytest.mark.parametrize(
    ("finished", "epoch", "why"),
    [(False, 1, "it has not ended"), (True, 2, "another launcher has taken it over")],
)
def test_what_another_may_still_need_stays(
    work: Path, mode: str, finished: bool, epoch: int, why: str
) -> None:
    run = make_run(work, RUN, finished=finished, epoch=epoch, code=DIGEST)
    code = make_code(work, DIGEST)
    assert clean(work, mode, RUN, "1") == [f"kept {RUN} {why}"]
    assert run.exists()
    assert code.exists()


def record(run: Path, pid: int) -> None:
    """A rank of the run is this process."""
    start = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (run / "attempt-1/state/0.pid").write_text(f"{pid} {start} {boot} 0.0\n")


@pytest.mark.parametrize("mode", ["look", "remove"])
def test_a_run_whose_processes_live_stays(work: Path, mode: str) -> None:
    run = make_run(work, RUN)
    environ = {**os.environ, "LAUNCHER_RUN": RUN, "LAUNCHER_ATTEMPT": "1"}
    with subprocess.Popen(["sleep", "600"], env=environ) as process:
        try:
            assert clean(work, mode, RUN, "1") == [f"kept {RUN} processes of it live"]
            record(run, process.pid)
            assert clean(work, mode, RUN, "1") == [f"kept {RUN} its ranks live, or Docker does not answer"]
        finally:
            process.kill()
    assert run.exists()
    assert clean(work, mode, RUN, "1") == [f"run {RUN}"]


def test_what_belongs_to_others_stays(work: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    run, code, lock = make_run(work, RUN), make_code(work, DIGEST), make_lock(work, "cpu-1", age=9999)
    rest = work / "runs/.removed-x"
    rest.mkdir()
    for path in (run, code, lock, rest):
        os.chown(path, 12345, 12345)
    assert clean(work, "remove", RUN, "1") == [f"kept {RUN} it belongs to somebody else"]
    assert all(path.exists() for path in (run, code, lock, rest))


def test_a_link_is_no_run(work: Path, tmp_path: Path) -> None:
    (tmp_path / "precious/lease/epoch-1").mkdir(parents=True)
    (tmp_path / "precious/finished").write_text("0\n")
    (work / "runs" / RUN).symlink_to(tmp_path / "precious")
    assert clean(work, "remove", RUN, "1") == [f"kept {RUN} it belongs to somebody else"]
    assert (tmp_path / "precious/finished").exists()


def test_what_was_never_collected_is_named(work: Path) -> None:
    run = make_run(work, RUN)
    (run / "ckpt").mkdir()
    (run / "attempt-1/LOG0").mkdir()
    for name in ("ckpt/c\nd", "ckpt/good", "attempt-1/LOG0/%s $x\n'", "attempt-1/state/e\nf"):
        (run / name).mkdir()
        (run / name / "in\nside").write_text("")
    told = [f"loses {RUN} ckpt/c?d", f"loses {RUN} ckpt/good/in?side", f"loses {RUN} attempt-1/LOG0/%s $x?'"]
    for mode in ("look", "remove"):
        assert sorted(clean(work, mode, RUN, "1")) == sorted([*told, f"run {RUN}"])


def test_the_locks_of_a_run_go_with_it_however_fresh(work: Path) -> None:
    make_run(work, RUN)
    kept = make_run(work, OTHER, finished=False)
    own = make_lock(work, "cpu-1", age=5)
    others = [
        make_lock(work, "cpu-2", age=5, run=OTHER, run_dir=kept),
        make_lock(work, "cpu-3", age=5, run=""),
    ]
    words = (RUN, "1", "unknown", OTHER, "1")
    told = [f"kept {OTHER} it has not ended", f"lock {own.name}", f"run {RUN}"]
    assert sorted(clean(work, "look", *words)) == sorted(clean(work, "remove", *words)) == told
    assert sorted((work / "locks").iterdir()) == others


def test_the_locks_of_a_run_that_cannot_go_stay(work: Path, docker: FakeDocker) -> None:
    make_run(work, RUN, runtime="docker")
    lock = make_lock(work, "cpu-1", age=5)
    docker.set(refusal="no daemon")
    assert clean(work, "remove", RUN, "1") == [f"kept {RUN} its ranks live, or Docker does not answer"]
    assert list((work / "locks").iterdir()) == [lock]


def test_stale_locks_go_and_others_stay(work: Path) -> None:
    stale, fresh = make_lock(work, "cpu-1", age=600), make_lock(work, "cpu-2", age=20)
    assert clean(work, "look") == ["lock cpu-1"]
    assert stale.exists()
    assert clean(work, "remove") == ["lock cpu-1"]
    assert list((work / "locks").iterdir()) == [fresh]


def test_rests_of_what_was_killed_go(work: Path) -> None:
    old, new = make_code(work, f"{DIGEST}.aaaaaa"), make_code(work, f"{DIGEST}.bbbbbb")
    os.utime(old, (0, 0))
    for place in ("runs", "code"):
        (work / place / f".removed-{place}/inside").mkdir(parents=True)
    rests = ["rest runs", "rest code", f"rest {DIGEST}.aaaaaa"]
    assert clean(work, "look") == rests
    assert clean(work, "remove") == rests
    assert list((work / "code").iterdir()) == [new]
    assert list((work / "runs").iterdir()) == []


def test_a_run_goes_though_an_earlier_clean_was_killed(work: Path) -> None:
    make_run(work, RUN)
    (work / f"runs/.removed-{RUN}/attempt-1").mkdir(parents=True)
    assert clean(work, "remove", RUN, "1") == [f"rest {RUN}", f"run {RUN}"]
    assert list((work / "runs").iterdir()) == []


def test_a_run_whose_end_this_host_has_not_heard_of_goes_once_its_ranks_are_gone(work: Path) -> None:
    run = make_run(work, RUN, finished=False)
    assert clean(work, "remove", RUN, "1") == [f"kept {RUN} it has not ended"]
    assert clean(work, "look", RUN, "1", end="ended") == [f"run {RUN}"]
    record(run, os.getpid())
    assert clean(work, "remove", RUN, "1", end="ended") == [
        f"kept {RUN} its ranks live, or Docker does not answer"
    ]
    (run / "attempt-1/state/0.pid").unlink()
    assert clean(work, "remove", RUN, "1", end="ended") == [f"run {RUN}"]


def test_names_that_are_no_runs_are_refused(work: Path, tmp_path: Path) -> None:
    done = LocalHost().run(script("clean"), "remove", str(work), str(work / "locks"), "../..", "1", "ended")
    assert done.code == 2
    assert tmp_path.exists()


def test_a_work_directory_that_is_not_there(tmp_path: Path) -> None:
    assert clean(tmp_path / "none", "remove", RUN, "1") == []
