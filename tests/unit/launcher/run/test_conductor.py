"""Every phase of a run against hosts that refuse, fall silent, or belong to another launcher by now."""

from __future__ import annotations

import pytest

from launcher.check import Finding, Level
from launcher.claims import locks
from launcher.errors import CheckFailed, DevicesHeld, ExitCode, LostContact, StartFailed
from launcher.hosts import Completed, HostError, RemoteError
from launcher.hosts.fence import Fenced
from launcher.run import conductor, heartbeat
from launcher.run.collect import Incomplete
from launcher.run.conductor import conduct
from launcher.run.ground import Cancelled
from tests.fakes import FENCED, Answer, says

REFUSED = Completed(1, "", "no space left\n")
PHASES = ["check", "lock", "bind", "upload", "create", "start", "watch", "stop", "collect", "unlock"]
CHANGES = ("take_lease", "lock", "put", "start", "stop", "unlock", "finish", "unpack")
SCRIPT_OF = {"lease": "take_lease", "lock": "lock", "upload": "put", "start": "start", "stop": "stop"}


def in_phase(phase: str, *answers: Answer) -> dict[str, Answer]:
    """What a phase's script does; the first files of all are the inputs, which go up with the lease."""
    name = SCRIPT_OF.get(phase, phase)
    return {name: ["", *answers] if phase == "upload" else answers}


def test_all_phases_in_order(fake_run) -> None:
    run = fake_run()
    ending = conduct(run.ground())
    assert ending.code is ExitCode.OK
    assert run.phases() == PHASES
    assert run.count("unlock") == run.count("finish") == 2
    assert run.calls.index(("alpha", "lock")) < run.calls.index(("beta", "lock"))


@pytest.mark.parametrize("phase", SCRIPT_OF)
def test_a_host_that_does_not_answer_leaves_everything_as_it_is(fake_run, phase) -> None:
    run = fake_run()
    run.answer("beta", **in_phase(phase, HostError("host beta: no answer")))
    with pytest.raises(LostContact, match="host beta: no answer"):
        conduct(run.ground())
    assert run.count("unlock") == run.count("finish") == 0


@pytest.mark.parametrize("phase", [*SCRIPT_OF, "unlock"])
def test_who_has_lost_the_lease_changes_nothing_more(fake_run, phase) -> None:
    run = fake_run()
    name = SCRIPT_OF.get(phase, phase)
    run.answer("alpha", **in_phase(phase, FENCED))
    run.answer("beta", **in_phase(phase, REFUSED, HostError("host beta: asked again")))
    with pytest.raises(Fenced):
        conduct(run.ground())
    last = max(index for index, (_, called) in enumerate(run.calls) if called == name)
    assert not [called for _, called in run.calls[last + 1 :] if called in CHANGES]
    assert run.count("finish") == 0


def test_two_refusals_are_named_together_and_rolled_back_on_both(fake_run) -> None:
    run = fake_run()
    for label in ("alpha", "beta"):
        run.answer(label, start=Completed(1, "", "0 did not start\n"))
    with pytest.raises(StartFailed, match=r"host alpha: 0 did not start\nhost beta: 0 did not start"):
        conduct(run.ground())
    assert run.count("stop") == run.count("unlock") == run.count("finish") == 2
    assert run.hosts["beta"].words["finish"][-1] == "4"


def test_one_refusal_ends_what_the_other_host_started(fake_run) -> None:
    run = fake_run()
    run.answer("alpha", start=Completed(1, "", "0 did not start\n"))
    with pytest.raises(StartFailed):
        conduct(run.ground())
    assert run.hosts["beta"].words["stop"][-1] == "KILL"


@pytest.mark.parametrize("phase", ["lease", "put", "lock", "upload"])
def test_what_a_host_refuses_before_the_start_is_a_failed_start(fake_run, phase) -> None:
    run = fake_run()
    run.answer("beta", **in_phase(phase, REFUSED))
    with pytest.raises(StartFailed, match="no space left"):
        conduct(run.ground())
    assert run.hosts["alpha"].words["finish"][-1] == "4"


def test_a_full_disk_here_before_the_start_is_a_failed_start_that_lets_go(fake_run, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device", "/runs/x/plan.json")

    run = fake_run()
    monkeypatch.setattr(conductor.upload, "keep_plan", refuse)
    with pytest.raises(StartFailed, match=r"/runs/x/plan\.json: No space left on device"):
        conduct(run.ground())
    assert run.count("unlock") == run.count("finish") == 2


def test_processes_that_do_not_end_keep_their_devices(fake_run) -> None:
    run = fake_run()
    run.answer("beta", stop=Completed(1, "", "processes 7 of this run do not end\n"))
    with pytest.raises(LostContact, match="processes 7"):
        conduct(run.ground())
    assert run.count("unlock") == 0


def test_a_failed_check_takes_no_lease(fake_run, monkeypatch) -> None:
    run = fake_run()

    def fail(*_: object) -> None:
        raise CheckFailed("no disk")

    monkeypatch.setattr(conductor, "check_hosts", fail)
    with pytest.raises(CheckFailed):
        conduct(run.ground())
    assert run.calls == []


def test_devices_that_are_held_are_let_go_on_the_other_host(fake_run) -> None:
    run = fake_run()
    run.answer("beta", lock=Completed(76, "cpu-0 other-run 1700000000 bob@x 1 2 boot\n", ""))
    with pytest.raises(DevicesHeld, match="cpu-0 is held by run other-run of bob@x"):
        conduct(run.ground())
    assert run.count("unlock") == 2
    assert run.hosts["alpha"].words["finish"][-1] == "6"


@pytest.mark.parametrize("phase", ["lease", "lock", "upload", "start"])
def test_cancelled_at_any_moment_before_the_watch(fake_run, phase) -> None:
    run = fake_run()

    def cancel() -> str:
        run.directory.cancel_request.touch()
        return ""

    run.answer("alpha", **in_phase(phase, cancel))
    for number, host in enumerate(run.hosts.values()):
        host.streams = [says(f"running {number} 5\nend {number} 143 1.0 stopped \n")]
    if phase == "start":
        assert conduct(run.ground()).code is ExitCode.CANCELLED
    else:
        with pytest.raises(Cancelled):
            conduct(run.ground())
        assert run.count("start") == 0
    assert run.hosts["beta"].words["finish"][-1] == "143"


def test_cancelled_before_the_supervisor_began(fake_run) -> None:
    run = fake_run()
    run.directory.cancel_request.touch()
    with pytest.raises(Cancelled):
        conduct(run.ground())
    assert run.phases() == ["lock", "unlock"]
    assert run.count("lock") == 0


def failing(run, attempts: int) -> None:
    for number, host in enumerate(run.hosts.values()):
        host.streams = [says(f"running {number} 5\nend {number} 3 1.0 own \n") for _ in range(attempts)]


def test_cancelled_while_it_waits_for_the_next_attempt(fake_run) -> None:
    run = fake_run(restart={"max": 3, "delay": 600})
    failing(run, 1)
    run.answer("beta", manifest=lambda: run.directory.cancel_request.touch() or "")
    with pytest.raises(Cancelled):
        conduct(run.ground())
    assert len(run.course.attempts) == 1
    assert run.hosts["beta"].words["finish"][-1] == "143"


def test_the_lease_is_lost_while_it_waits_for_the_next_attempt(fake_run, monkeypatch) -> None:
    monkeypatch.setattr(heartbeat, "RENEWAL", 0.01)
    run = fake_run(restart={"max": 3, "delay": 600})
    failing(run, 1)
    run.answer("beta", renew=["", FENCED])
    with pytest.raises(Fenced):
        conduct(run.ground())
    assert run.count("unlock") == 0


def test_attempts_until_none_is_left(fake_run) -> None:
    run = fake_run(restart={"max": 1, "delay": 0})
    failing(run, 2)
    ending = conduct(run.ground())
    assert ending.code is ExitCode.JOB_FAILED
    assert [attempt.number for attempt in run.course.attempts] == [1, 2]
    assert run.count("lock") == 2


def test_a_collect_that_fails_is_told_and_ends_nothing(fake_run) -> None:
    run = fake_run()
    run.answer("beta", manifest=REFUSED)
    assert conduct(run.ground()).code is ExitCode.OK
    assert not run.course.collected
    assert "host beta: no space left" in next(e["message"] for e in run.events() if e["event"] == "error")


def test_what_can_never_be_fetched_is_told_and_the_run_is_collected_all_the_same(fake_run) -> None:
    run = fake_run()
    run.answer("beta", manifest="directory LOG1\nleft LOG1/a?b\n")
    assert conduct(run.ground()).code is ExitCode.OK
    assert run.course.collected
    told = [event["message"] for event in run.events() if event["event"] == "warning"]
    assert told[0] == "host beta: not collected: LOG1/a?b: its name has a line break"


def test_checkpoints_are_fetched_whatever_becomes_of_the_logs(fake_run, monkeypatch) -> None:
    asked = []

    def refuse(name: str):
        def fetch(*_: object) -> None:
            asked.append(name)
            raise Incomplete([RemoteError(f"host beta: {name} cannot be read")], ())

        return fetch

    for name in ("collect", "collect_checkpoints"):
        monkeypatch.setattr(conductor, name, refuse(name))
    run = fake_run()
    assert conduct(run.ground()).code is ExitCode.OK
    assert asked == ["collect", "collect_checkpoints"]
    told = [event["message"] for event in run.events() if event["event"] == "error"]
    for name, words in zip(asked, told, strict=True):
        assert f"{name} cannot be read" in words


def test_secrets_go_and_devices_stay_locked_where_containers_cannot_be_removed(fake_run, monkeypatch) -> None:
    run, without_secrets = fake_run(), []
    ground = run.ground()
    monkeypatch.setattr(locks, "remove_secrets", lambda host, *_: without_secrets.append(host.label))

    def refuse(*_: object) -> None:
        raise RemoteError("Docker does not answer")

    monkeypatch.setattr(type(ground.runtime), "remove", refuse)
    assert conduct(ground).code is ExitCode.OK
    assert sorted(without_secrets) == ["alpha", "beta"]
    assert (run.count("unlock"), run.count("finish")) == (0, 2)


def test_what_cannot_be_unlocked_is_told(fake_run) -> None:
    run = fake_run()
    run.answer("beta", unlock=REFUSED)
    assert conduct(run.ground()).code is ExitCode.OK
    assert [e["message"] for e in run.events() if e["event"] == "error"] == [
        "could not unlock: host beta: no space left"
    ]


def test_a_run_that_is_taken_over_goes_on_with_its_watch(fake_run) -> None:
    run = fake_run()
    run.bound()
    assert conduct(run.ground(epoch=2)).code is ExitCode.OK
    assert run.phases() == ["lock", "watch", "stop", "collect", "unlock"]
    assert run.count("lock") == run.count("start") == 0


def test_an_attempt_that_was_not_wholly_started_is_begun_anew(fake_run) -> None:
    run = fake_run()
    run.bound()
    run.hosts["alpha"].streams.insert(0, says("absent 0\n"))
    run.hosts["beta"].streams.insert(0, says("running 1 5\nend 1 143 1.0 stopped \n"))
    assert conduct(run.ground(epoch=2)).code is ExitCode.OK
    assert [attempt.number for attempt in run.course.attempts] == [2]
    assert run.count("stop") >= 2


def test_a_run_whose_lease_cannot_be_written_is_not_declared_over(fake_run) -> None:
    run = fake_run()
    run.bound()
    run.answer("beta", take_lease=REFUSED)
    with pytest.raises(LostContact, match="cannot be taken over: host beta: no space left"):
        conduct(run.ground(epoch=2))
    assert run.count("unlock") == 0


@pytest.mark.parametrize("code", [4, 6, 143])
def test_a_run_that_was_let_go_of_is_not_run_again(fake_run, code) -> None:
    run = fake_run()
    run.answer("beta", exit_code=f"{code}\n")
    assert int(conduct(run.ground(epoch=2)).code) == code
    assert run.count("lock") == run.count("start") == 0
    assert run.count("finish") == 2


@pytest.mark.parametrize("code", [4, 143])
def test_a_begun_run_that_was_let_go_of_is_not_run_again(fake_run, code) -> None:
    run = fake_run(restart={"max": 3, "delay": 0})
    run.bound()
    run.answer("alpha", exit_code=f"{code}\n")
    run.hosts["alpha"].streams = [says("absent 0\n" if code == 4 else "end 0 143 1.0 stopped \n")]
    assert int(conduct(run.ground(epoch=2)).code) == code
    assert run.count("start") == 0


def test_a_run_that_had_ended_well_is_told_as_it_was(fake_run) -> None:
    run = fake_run()
    run.bound()
    run.answer("alpha", exit_code="0\n")
    ending = conduct(run.ground(epoch=2))
    assert (ending.code, ending.words) == (ExitCode.OK, "all ranks ended with 0")
    assert len(run.course.attempts) == 1


def test_code_is_kept_with_the_inputs_and_goes_where_it_is_not_yet(fake_run, tmp_path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/main.py").write_text("print()")
    run = fake_run(volumes={"code": {"source": str(tmp_path / "code"), "target": "/code"}})
    run.answer("alpha", is_there=Completed(1, "", ""))
    conduct(run.ground())
    assert (run.directory.inputs / "code.json").exists()
    assert run.count("is_there") == 2
    assert run.hosts["alpha"].called("unpack") == 1 and run.hosts["beta"].called("unpack") == 0


def test_warnings_of_the_check_are_told(fake_run, monkeypatch) -> None:
    from launcher.check.model import Finding, Level

    run = fake_run()
    warning = Finding("alpha", "disk", Level.WARNING, "little disk", "make room")
    monkeypatch.setattr(conductor, "check_hosts", lambda *_: [warning])
    conduct(run.ground())
    assert [e["hint"] for e in run.events() if e["event"] == "warning"] == ["make room"]


@pytest.mark.parametrize(("rules", "deliveries"), [([], 0), (["disk"], 0), (["disk", "image"], 1)])
def test_an_image_is_delivered_where_the_check_has_missed_it(
    fake_run, monkeypatch, rules, deliveries
) -> None:
    delivered = []
    found = [Finding("alpha", rule, Level.WARNING, "words", "remedy") for rule in rules]
    monkeypatch.setattr(conductor, "check_hosts", lambda *_: found)
    monkeypatch.setattr(conductor, "deliver_image", lambda ground, plan, beat: delivered.append(plan.job))
    conduct(fake_run().ground())
    assert len(delivered) == deliveries
