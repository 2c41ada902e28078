"""The rank script, run for real by the shells that are here."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.place import is_alive
from tests.unit.launcher.plan.rank_process import ENDED, SHELLS


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill $$", 143)]
)
def test_the_exit_code_of_the_command_is_kept(rank, shell, line, code):
    assert rank.run(rank.line(line), shell) == code
    assert rank.exit_code == rank.end == str(code)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_command_that_does_not_exist(rank, shell):
    assert rank.run({"command": ["no-such-command"]}, shell) == 127
    assert rank.exit_code == "127"
    assert "no-such-command" in rank.text


def test_a_command_that_cannot_be_run(rank):
    assert rank.run({"command": [str(rank.directory)]}) == 126
    assert rank.exit_code == "126"


def test_output_goes_to_the_log_and_input_is_empty(rank):
    assert rank.run(rank.line('cat; echo out; echo err >&2; test "$PWD" = "$LAUNCHER_LOG_DIR"')) == 0
    assert rank.text == "out\nerr\n"


def test_the_record_names_the_process_for_good(rank):
    process = rank.start(rank.line("sleep 60"))
    rank.wait_for((rank.state / "0.pid").exists)

    pid, start, boot, now = (rank.state / "0.pid").read_text("utf-8").split()
    assert int(pid) == process.pid
    assert start == Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    assert abs(float(now) - time.time()) < ENDED


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_handed_on_as_term(rank, shell, number):
    job = rank.line("trap 'echo ended; exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    process = rank.start(job, shell)
    rank.wait_for(lambda: (rank.log / "log.txt").exists() and "ready" in rank.text)

    process.send_signal(number)

    assert process.wait(ENDED) == 7
    assert rank.exit_code == rank.end == "7"
    assert "ended" in rank.text


@pytest.mark.parametrize("shell", SHELLS)
def test_several_signals_do_not_hide_the_exit_code(rank, shell):
    job = rank.line("trap 'n=$n.' TERM; echo ready; while [ ${#n} -lt 3 ]; do sleep 0.05; done; exit 9")
    process = rank.start(job, shell)
    rank.wait_for(lambda: (rank.log / "log.txt").exists() and "ready" in rank.text)

    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.07)

    assert rank.exit_code == rank.end == "9"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_signal_at_any_moment_ends_the_rank(rank, shell):
    for wait in (0.0, 0.005, 0.01, 0.02, 0.04):
        process = rank.start(rank.line("sleep 60", timeouts={"max_unattended": "0"}), shell)
        time.sleep(wait)
        process.terminate()
        assert process.wait(ENDED) in (143, -signal.SIGTERM)


def test_a_killed_script_takes_its_command_along(rank):
    process = rank.start(rank.line("echo $$; sleep 60"))
    rank.wait_for(lambda: (rank.log / "log.txt").exists() and rank.text.strip())

    process.kill()

    rank.wait_for((rank.state / "0.end").exists)
    rank.wait_for(lambda: not is_alive(int(rank.text.split()[0])))
    assert rank.exit_code == rank.end == "137"
    assert (rank.state / "0.reason").read_text("utf-8") == "its rank script was killed\n"


def test_nobody_watches_and_another_rank_has_failed(rank):
    process = rank.start(rank.line("sleep 60", timeouts={"orphan_grace": "0"}))
    rank.fail_another()

    assert process.wait(ENDED) == 143
    reason = (rank.state / "0.reason").read_text("utf-8")
    assert "no supervisor for" in reason
    assert "a rank of this host has failed" in reason
    assert rank.end == "143"
    assert "launcher: ending this rank: no supervisor" in rank.text


def test_a_stale_lease_counts_from_the_start_of_the_rank(rank):
    """What another attempt left behind does not end this one at once."""
    rank.start(rank.line("sleep 1; echo lived", timeouts={"orphan_grace": "60", "max_unattended": "60"}))
    (rank.lease / "renewed").touch()
    os.utime(rank.lease / "renewed", (1, 1))
    rank.fail_another()

    rank.wait_for((rank.state / "0.end").exists)
    assert rank.end == "0"
    assert rank.text == "lived\n"


@pytest.mark.parametrize(
    ("more", "watched", "failed"),
    [
        ({"timeouts": {"orphan_grace": "0"}}, False, False),
        ({"timeouts": {"orphan_grace": "0", "max_unattended": "0"}}, True, True),
        ({"timeouts": {"orphan_grace": "60"}}, False, True),
        ({"timeouts": {"orphan_grace": "0"}, "on_failure": "continue"}, False, True),
    ],
    ids=["no rank failed", "watched", "not for long", "others go on"],
)
def test_reasons_to_go_on(rank, more, watched, failed):
    process = rank.start(rank.line("sleep 2.5", **more))
    if watched:
        (rank.lease / "renewed").touch()
        os.utime(rank.lease / "renewed", (time.time() + 1000,) * 2)
    if failed:
        rank.fail_another()

    assert process.wait(ENDED) == 0
    assert not (rank.state / "0.reason").exists()


def test_the_end_of_a_rank_that_ended_well_is_no_failure(rank):
    process = rank.start(rank.line("sleep 2.5", timeouts={"orphan_grace": "0"}))
    (rank.state / "1.end").write_text("0 1.0\n", "utf-8")

    assert process.wait(ENDED) == 0


def test_nobody_watches_for_too_long(rank):
    assert rank.run(rank.line("sleep 60", timeouts={"max_unattended": "0"})) == 143
    assert "no supervisor for" in (rank.state / "0.reason").read_text("utf-8")


def test_a_log_beyond_its_limit_ends_the_rank(rank):
    job = rank.line("head -c 5000 /dev/zero | tr '\\0' x; echo; sleep 60", limits={"log_bytes": 1000})

    assert rank.run(job) == 143
    assert (rank.state / "0.reason").read_text("utf-8") == "log.txt has passed limits.log_bytes, 1000\n"
    assert rank.exit_code == rank.end == "143"


def test_a_rank_that_the_script_ended_has_failed_even_if_its_command_ends_well(rank):
    line = "trap 'exit 0' TERM; head -c 5000 /dev/zero; while :; do sleep 0.05; done"

    assert rank.run(rank.line(line, limits={"log_bytes": 1000})) == 143


def test_a_command_that_does_not_heed_term_is_killed_after_the_grace(rank):
    line = "trap '' TERM; echo $$; head -c 5000 /dev/zero | tr '\\0' '\\n'; while :; do sleep 0.05; done"
    job = rank.line(line, limits={"log_bytes": 1000}, timeouts={"stop_grace": 0.3})

    assert rank.run(job) == -signal.SIGKILL
    assert rank.exit_code == rank.end == "137"
    assert "limits.log_bytes" in (rank.state / "0.reason").read_text("utf-8")
    rank.wait_for(lambda: not is_alive(int(rank.text.split()[0])))


def test_nothing_of_the_rank_is_left_after_it(rank):
    process = rank.start(rank.line("exit 0"))
    process.wait(ENDED)

    rank.wait_for(lambda: not _group(process.pid))


def _group(pgid: int) -> list[int]:
    """Processes of a group; the script's last `sleep` ends by itself."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == pgid and fields[0] not in "ZX":
            found.append(int(path.parent.name))
    return found
