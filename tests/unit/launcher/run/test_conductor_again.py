"""Runs that go on under another supervisor, and attempts after the first: with the code, the secrets and the
failure of those before.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from launcher.errors import ExitCode, LostContact, UsageError
from launcher.hosts import Completed
from launcher.hosts.fence import Fenced
from launcher.plan import store
from launcher.run.conductor import conduct
from tests.fakes import FENCED, says

REFUSED = Completed(1, "", "no space left\n")
NOT_THERE = Completed(1, "", "")


def begun(run, **binding: str) -> None:
    """Its first attempt has been started by a supervisor that is gone, and has failed since."""
    run.draft = replace(run.draft, binding=replace(run.draft.binding, attempt="1", **binding))
    run.directory.attempt(1).mkdir()
    run.directory.plan(1).write_bytes(store.to_json(run.draft))
    for key, host in enumerate(run.hosts.values()):
        host.streams.insert(0, says(f"running {key} 5\nend {key} 3 1.0 own \n"))


def told(run, kind: str) -> list[str]:
    return [event["message"] for event in run.events() if event["event"] == kind]


def test_logs_of_a_run_that_was_cancelled_elsewhere_are_fetched(fake_run) -> None:
    run = fake_run()
    run.bound()
    run.answer("alpha", exit_code="143\n")
    for key, host in enumerate(run.hosts.values()):
        host.streams = [says(f"absent {key}\n")]  # cancel leaves no states
    run.answer("beta", manifest=REFUSED)
    assert conduct(run.ground(epoch=2)).code is ExitCode.CANCELLED
    assert run.hosts["alpha"].called("manifest") and run.hosts["beta"].called("manifest")
    assert not run.course.collected
    assert "host beta: no space left" in told(run, "error")[0]


def with_code(fake_run, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/main.py").write_text("print()")
    volumes = {"code": {"source": str(tmp_path / "code"), "target": "/code"}}
    run = fake_run(volumes=volumes, restart={"max": 1, "delay": 0})
    begun(run, code="c0de")
    return run


def test_a_later_attempt_has_the_code_of_the_first_whatever_the_source_is_now(fake_run, tmp_path) -> None:
    run = with_code(fake_run, tmp_path)
    (tmp_path / "code/main.py").unlink()
    (tmp_path / "code").rmdir()
    assert conduct(run.ground(epoch=2)).code is ExitCode.OK
    second = store.from_json(run.directory.plan(2).read_bytes(), "plan")
    assert second.binding.code == "c0de"
    assert run.hosts["alpha"].words["is_there"] == (second.host("alpha").code_dir,)
    assert run.count("unpack") == 0 and not (run.directory.inputs / "code.json").exists()


def test_a_restart_that_cannot_be_is_told_and_the_failure_before_it_counts(fake_run, tmp_path) -> None:
    run = with_code(fake_run, tmp_path)
    run.answer("beta", is_there=NOT_THERE)
    ending = conduct(run.ground(epoch=2))
    assert (ending.code, ending.failure.exit_code) == (ExitCode.JOB_FAILED, 3)
    (words,) = told(run, "error")
    assert words.startswith(
        "attempt 2 could not be started: host beta: the code that this run began with is "
    )
    assert run.count("start") == 0 and run.count("finish") == 2


def test_secrets_of_an_earlier_attempt_are_kept_where_they_are(fake_run, monkeypatch) -> None:
    monkeypatch.delenv("TOK", raising=False)
    run = fake_run(secrets=["TOK"], restart={"max": 1, "delay": 0})
    begun(run)
    assert conduct(run.ground(epoch=2)).code is ExitCode.OK
    assert not [name for host in run.hosts.values() for name in host.files if name.startswith("/dev/shm")]


def test_secrets_that_are_nowhere_are_missed_once(fake_run, monkeypatch) -> None:
    monkeypatch.delenv("TOK", raising=False)
    run = fake_run(secrets=["TOK"])
    for label in run.hosts:
        run.answer(label, is_there=NOT_THERE)
    with pytest.raises(UsageError) as raised:
        conduct(run.ground())
    assert str(raised.value) == "secrets are not set here: TOK"


def test_of_several_who_take_a_run_over_one_gets_all(fake_run) -> None:
    run = fake_run()
    run.bound()
    run.answer("alpha", take_lease=FENCED)
    with pytest.raises(Fenced) as raised:
        conduct(run.ground(epoch=2))
    assert raised.value.hint == f"launcher attach {run.directory.run_id}"
    assert run.hosts["beta"].called("take_lease") == 0


def test_a_cancelled_run_ends_where_its_lease_can_be_taken(fake_run) -> None:
    run = fake_run()
    run.draft = run.bound()
    run.directory.cancel_request.touch()
    run.answer("beta", take_lease=REFUSED)
    run.hosts["alpha"].streams = [says("end 0 143 1.0 stopped \n")]
    with pytest.raises(LostContact, match="ended on 1 of 2 hosts, those that answer: host beta: no space"):
        conduct(run.ground(epoch=2))
    assert run.hosts["alpha"].words["stop"][-1] == "KILL" and run.hosts["beta"].called("stop") == 0
    assert run.count("unlock") == 0
