"""Reading and following the logs of a run: where they are, what is shown, what is said."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launcher.errors import LauncherError, UsageError
from launcher.hosts import Completed, Endpoint, HostError, LocalHost, listening
from launcher.hosts.local import LocalStream
from launcher.logs import follow as log_follow
from launcher.logs import sources as log_sources
from launcher.logs import view as log_view
from launcher.logs.follow import Follower
from launcher.logs.sources import find_sources, load_plan
from launcher.logs.tail import Line
from launcher.logs.view import Account, View, read
from launcher.plan import store
from launcher.plan.model import Plan
from launcher.remote import script
from tests.log_runs import FakeRun, make_run
from tests.stored_runs import NOBODY


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    return make_run(tmp_path)


def keys_of(plan: Plan) -> list[str]:
    return [member.key for member in plan.members if member.rank is not None]


def shown(run: FakeRun, plan: Plan, view: View | None = None) -> tuple[list[Line], list[str]]:
    account = Account()
    lines = list(read(run.directory, plan, keys_of(plan), view or View(), account))
    return lines, list(account.notes())


def errors_of(run: FakeRun, plan: Plan) -> list[LauncherError]:
    account = Account()
    assert list(read(run.directory, plan, keys_of(plan), View(), account)) == []
    return account.errors


class Deaf(LocalHost):
    """Accepts a connection and never says anything."""

    def stream(self, script: str, *words: str) -> LocalStream:
        raise HostError("host localhost: no contact")


def test_while_a_run_lives_its_hosts_are_read(run: FakeRun) -> None:
    plan = run.begin()
    run.write(plan, "1", "one\nhalf")
    run.write(plan, "0", "zero\n")
    assert shown(run, plan) == (
        [("0", "zero"), ("1", "one"), ("1", "half")],
        ["rank 2 has written nothing"],
    )


def test_a_collected_run_is_read_here(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = run.begin()
    run.write(plan, "0", "here\n")
    run.collect(plan)
    run.write(plan, "0", "too late\n")
    run.finish()
    monkeypatch.setattr(log_sources, "connect", pytest.fail)
    assert shown(run, plan) == ([("0", "here")], ["ranks 1-2 have written nothing"])


def test_an_older_attempt_was_collected_before_the_next_began(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run.begin()
    run.write(first, "0", "first\n")
    run.collect(first)
    run.begin(2)
    monkeypatch.setattr(log_sources, "connect", pytest.fail)
    assert shown(run, first)[0] == [("0", "first")]


def test_what_was_not_collected_is_read_on_the_host(run: FakeRun) -> None:
    plan = run.begin()
    run.collect(plan)
    run.write(plan, "0", "on the host\n")
    run.finish(collected=False)
    assert shown(run, plan)[0] == [("0", "on the host")]


def test_a_host_that_cannot_be_reached(run: FakeRun) -> None:
    plan = run.begin()
    run.directory.keep_endpoints({"localhost": NOBODY})
    assert shown(run, plan) == ([], [])
    (error,) = errors_of(run, plan)
    assert isinstance(error, HostError) and "127.0.0.1:1" in str(error)
    run.write(plan, "0", "kept\n")
    run.collect(plan)
    lines, notes = shown(run, plan)
    assert lines == [("0", "kept")]
    assert notes[0].startswith("host localhost: ")
    assert notes[0].endswith("; what has been collected of it is shown")


def test_directories_that_are_gone(run: FakeRun) -> None:
    plan = run.begin()
    run.write(plan, "1", "kept\n")
    run.collect(plan)
    run.finish(collected=False)
    for path in run.work_dir.iterdir():
        path.rename(run.work_dir.parent / f"moved-{path.name}")
    (run.directory.log(1, "2")).rename(run.directory.path / "elsewhere")
    lines, notes = shown(run, plan)
    assert lines == [("1", "kept")]
    assert notes == ["rank 0 has written nothing", "rank 2 has no log any more, on its host or here"]


def test_filter_and_last_lines(run: FakeRun) -> None:
    plan = run.begin()
    run.write(plan, "0", "loss 1\nloss 2\nloss 3\nother\n")
    run.write(plan, "1", "other\nloss 1\nlast")
    assert shown(run, plan, View(lines=2))[0] == [
        ("0", "loss 3"),
        ("0", "other"),
        ("1", "loss 1"),
        ("1", "last"),
    ]
    losses = View(grep=re.compile("l[o]ss"), lines=2)
    assert shown(run, plan, losses)[0] == [("0", "loss 2"), ("0", "loss 3"), ("1", "loss 1")]


def test_since(run: FakeRun) -> None:
    plan = run.begin()
    run.write(plan, "0", "old\nnew\n")
    log = Path(plan.hosts[0].attempt_dir) / "LOG0"
    (log / "log.index").write_text("1000 0\n1010 4\n1020 8\n")
    assert shown(run, plan, View(since="1015"))[0] == [("0", "new")]
    run.collect(plan)
    run.finish()
    assert shown(run, plan, View(since="1015"))[0] == [("0", "new")]


def test_by_time(run: FakeRun) -> None:
    plan = run.begin()
    run.write(plan, "0", "2026-01-01 00:00:02 b\nwith more\n2026-01-01 00:00:04 d\n")
    run.write(plan, "1", "2026-01-01 00:00:01 a\n2026-01-01 00:00:03 c\n")
    assert [line[-6:] for _, line in shown(run, plan, View(by_time=True))[0]] == [
        "0:01 a",
        "0:02 b",
        "h more",
        "0:03 c",
        "0:04 d",
    ]
    more = View(by_time=True, lines=1, grep=re.compile("more|c"))
    assert [line[-6:] for _, line in shown(run, plan, more)[0]] == ["h more", "0:03 c"]


def test_a_host_that_does_not_answer_is_given_up(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = run.begin()
    monkeypatch.setattr(log_sources, "connect", lambda endpoint: Deaf(endpoint.label))
    monkeypatch.setattr(log_view, "PATIENCE", -1.0)
    (error,) = errors_of(run, plan)
    assert str(error).startswith("host localhost: no contact for ")


class Flaky(LocalHost):
    """Answers until its logs are asked for."""

    def run(self, text: str, *words: str, **more: Any) -> Completed:
        if text == script("log_starts"):
            raise HostError(f"host {self.label}: cable cut")
        return super().run(text, *words, **more)


@pytest.mark.parametrize("view", [View(), View(since="0"), View(by_time=True)])
@pytest.mark.parametrize("broken", [Deaf, Flaky, None])
def test_other_hosts_are_shown(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch, view: View, broken: type[LocalHost] | None
) -> None:
    plan = run.begin()
    for key in ("0", "1", "2"):
        run.write(plan, key, f"of {key}\n")
    first = plan.hosts[0]
    parts = [replace(first, label="a", members=("0", "2")), replace(first, label="b", members=("1",))]
    plan = replace(plan, hosts=tuple(parts))
    run.directory.keep_endpoints(
        {"a": replace(NOBODY, label="a"), "b": Endpoint(label="b", address="localhost")}
    )
    if broken is not None:
        answering = {"a": broken("a"), "b": LocalHost("b")}
        monkeypatch.setattr(log_sources, "connect", lambda endpoint: answering[endpoint.label])
    monkeypatch.setattr(log_view, "PATIENCE", -1.0)
    account = Account()
    lines = list(read(run.directory, plan, ["0", "1", "2"], view, account))
    whole = broken is Flaky and view.since is None
    assert ("1", "of 1") in lines
    assert len(lines) == (3 if whole else 1)
    assert [str(error).startswith("host a: ") for error in account.errors] == [True] * (not whole)


def test_a_log_that_was_cut_is_told(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = run.begin()
    run.write(plan, "0", "short\n")
    monkeypatch.setattr(log_view, "find_starts", lambda *_: {"0": 100})
    lines, notes = shown(run, plan)
    assert lines == [("0", "short")]
    assert notes[-1] == "rank 0 has cut its log.txt: shown again"


def test_an_attempt_that_is_not_there(run: FakeRun) -> None:
    run.begin()
    with pytest.raises(UsageError, match="has no attempt 2") as raised:
        load_plan(run.directory, 2)
    assert raised.value.hint == "its attempts: 1"


def test_a_collected_run_has_one_source(run: FakeRun) -> None:
    plan = run.begin()
    run.collect(plan)
    run.finish()
    (source,), notes = find_sources(run.directory, plan, ["1", "0"])
    assert source.directory == str(run.directory.attempt(1))
    assert (source.keys, notes) == (("1", "0"), [])


def start(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def follow(run: FakeRun, view: View | None = None) -> tuple[list[tuple[str, str, str]], Sequence[str]]:
    told: list[str] = []
    account = Account()
    follower = Follower(run.directory, keys_of, view or View(), account, told.append)
    lines = [(plan.binding.attempt, *line) for plan, batch in follower.lines() for line in batch]
    return lines, [*told, *account.notes()]


def test_following_goes_on_over_attempts_until_the_run_ends(run: FakeRun) -> None:
    def happen() -> None:
        first = run.begin()
        run.write(first, "0", "first\n")
        run.end(first)
        second = run.begin(2)
        run.write(second, "1", "second")
        run.end(second)
        run.finish()

    with run.directory.supervisor_lock() as ours:
        assert ours
        thread = start(happen)
        lines, notes = follow(run)
        thread.join()
    assert lines[-1] == ("2", "1", "second")
    assert notes


def test_following_begins_with_the_newest_attempt(run: FakeRun) -> None:
    run.write(run.begin(), "0", "first\n")
    second = run.begin(2)
    run.write(second, "0", "a\nb\nc\n")
    run.end(second)
    run.finish()
    assert follow(run)[0] == [("2", "0", "a"), ("2", "0", "b"), ("2", "0", "c")]
    assert follow(run, View(lines=1))[0] == [("2", "0", "c")]
    assert follow(run, View(grep=re.compile("[bc]"), lines=5))[0] == [("2", "0", "b"), ("2", "0", "c")]


def test_following_ends_though_a_member_was_never_started(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_follow, "_QUIET", 0.1)
    plan = run.begin()
    run.write(plan, "0", "only one\n")
    run.end(plan, "0")
    run.finish(collected=False)
    lines, notes = follow(run)
    assert lines == [("1", "0", "only one")]
    assert notes == ["ranks 1-2 have written nothing"]


def test_following_ends_where_nobody_supervises(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_follow, "_UNWATCHED", 0.1)
    plan = run.begin()
    run.end(plan)
    lines, notes = follow(run)
    assert lines == []
    assert notes[0] == f"nobody supervises it: launcher attach {run.directory.run_id} takes it over"


def test_following_a_run_that_ended_before_its_ranks_were_started(run: FakeRun) -> None:
    run.finish()
    assert follow(run) == ([], [f"run {run.directory.run_id} has not started its ranks"])


def test_following_tells_of_a_lost_host_once(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    class Moody(LocalHost):
        streams = 0

        def stream(self, script: str, *words: str) -> LocalStream:
            self.streams += 1
            if self.streams < 4:
                raise HostError("host localhost: no contact")
            return super().stream(script, *words)

    host = Moody()
    monkeypatch.setattr(log_sources, "connect", lambda endpoint: host)
    monkeypatch.setattr(listening, "RETRY", 0.0)
    monkeypatch.setattr(log_follow, "_TICK", 0.01)
    monkeypatch.setattr(log_follow, "_UNWATCHED", 0.1)
    plan = run.begin()
    run.write(plan, "0", "back\n")
    run.end(plan)
    lines, notes = follow(run)
    assert lines == [("1", "0", "back")]
    assert notes[0] == "host localhost: no contact, trying again"
    assert len([note for note in notes if "trying" in note]) == 1


def test_following_shows_what_comes_after_the_last_lines(run: FakeRun) -> None:
    plan = run.begin()
    run.write(plan, "0", "a\nb\n")
    seen = threading.Event()

    def happen() -> None:
        assert seen.wait(60)
        run.write(plan, "0", "c\n")
        run.end(plan)
        run.finish()

    thread = start(happen)
    told: list[str] = []
    lines: list[Line] = []
    for _, batch in Follower(run.directory, keys_of, View(lines=1), Account(), told.append).lines():
        lines += batch
        seen.set()
    thread.join()
    assert lines == [("0", "b"), ("0", "c")]


def test_following_shows_the_hosts_that_answer(run: FakeRun) -> None:
    plan = run.begin()
    run.write(plan, "1", "here\n")
    run.end(plan)
    run.finish(collected=False)
    first = plan.hosts[0]
    parts = (replace(first, label="a", members=("0", "2")), replace(first, label="b", members=("1",)))
    run.directory.plan(1).write_bytes(store.to_json(replace(plan, hosts=parts)))
    run.directory.keep_endpoints(
        {"a": replace(NOBODY, label="a"), "b": Endpoint(label="b", address="localhost")}
    )
    account, told = Account(), list[str]()
    follower = Follower(run.directory, keys_of, View(), account, told.append)
    assert [line for _, batch in follower.lines() for line in batch] == [("1", "here")]
    (error,) = account.errors
    assert told == [f"error: {error}"] and str(error).startswith("host a: ")
