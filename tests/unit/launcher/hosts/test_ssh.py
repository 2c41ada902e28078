"""A host over SSH against servers that work, refuse, fall silent and go away."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import paramiko
import pytest

from launcher.errors import LauncherError
from launcher.hosts import Completed, HostError, RemoteError, ssh
from launcher.hosts.clock import measure
from launcher.hosts.owner import owner_on
from tests.hostile import HOSTILE

ECHO = 'printf "%s\\0" "$@"'


# ---- scripts


def test_words_arrive_as_they_are(host) -> None:
    assert host.run(ECHO, *HOSTILE).out.split("\0")[:-1] == list(HOSTILE)


def test_a_script_arrives_as_it_is(host, hostile) -> None:
    script = f"cat <<'End of this text'\n{hostile}\nEnd of this text\n"
    assert host.run(script).out == f"{hostile}\n"


def test_words_need_not_be_text(host) -> None:
    done = host.run('printf %s "$1" | od -An -tx1', os.fsdecode(b"\xff\xfe"))
    assert done.out.split() == ["ff", "fe"]


def test_exit_code_and_both_outputs(host) -> None:
    assert host.run("echo out; echo err >&2; exit 7") == Completed(7, "out\n", "err\n")


def test_what_a_login_shell_prints_is_kept_apart(host, server) -> None:
    server.handler = lambda command, channel: server._shell(f"echo Welcome; {command}", channel)
    assert host.run("echo out; exit 7") == Completed(7, "out\n", "", greeting="Welcome\n")
    assert abs(measure(host).skew) < 60 and owner_on(host).uid == str(os.getuid())


@pytest.mark.parametrize("said", ["This account is closed.", ""])
def test_a_login_shell_that_runs_no_script_is_told(host, server, said) -> None:
    server.handler = lambda command, channel: server._shell(f"echo {said}", channel)
    with pytest.raises(RemoteError, match=f"^host far: its login shell did not run a script: .*{said}"):
        host.run("echo out")
    server.handler = lambda command, channel: server._shell(f"echo {said}; exit 1", channel)
    assert host.run("echo out") == Completed(1, "", f"{said}\n")


def test_without_input_a_script_reads_its_end(host) -> None:
    assert host.run("cat; echo over").out == "over\n"


def test_output_that_is_no_text_is_replaced(host) -> None:
    assert host.run("printf '\\377ok'").out == "\ufffdok"


def test_input_of_bytes_or_a_file_arrives_whole(host) -> None:
    data = os.urandom(5_000_000)  # more than a window of SSH
    for stdin in (data, io.BytesIO(data)):
        assert host.run("sha256sum", stdin=stdin).out.split()[0] == hashlib.sha256(data).hexdigest()


def test_output_goes_to_a_file_byte_for_byte(host) -> None:
    with tempfile.TemporaryFile() as out:
        done = host.run("head -c 5000000 /dev/zero; printf '\\377'; echo err >&2", out=out)
        out.seek(0)
        assert out.read() == bytes(5_000_000) + b"\xff"
    assert (done.out, done.err) == ("", "err\n")


def test_a_full_disk_here_is_no_lost_contact(host) -> None:
    with open("/dev/full", "wb", buffering=0) as out, pytest.raises(LauncherError) as raised:
        host.run("echo out", out=out)
    assert str(raised.value) == "what a host says cannot be written here: No space left on device"
    assert not isinstance(raised.value, HostError)
    assert host.run("echo well").out == "well\n"


def test_much_may_be_said_on_standard_error(host) -> None:
    done = host.run("head -c 3000000 /dev/zero >&2; echo out", timeout=2.0)
    assert (done.out, len(done.err)) == ("out\n", 3_000_000)


def test_much_may_go_both_ways_at_once(host) -> None:
    data = bytes(6_000_000)
    with tempfile.TemporaryFile() as out:
        host.run("cat", stdin=data, out=out, timeout=2.0)
        assert out.tell() == len(data)


def test_a_script_that_takes_no_more_input_says_why(host) -> None:
    done = host.run("echo 'no space left' >&2; exit 1", stdin=bytes(8_000_000))
    assert done == Completed(1, "", "no space left\n")


def test_all_scripts_share_one_connection(host, server) -> None:
    for _ in range(3):
        host.run(":")
    assert (server.connections, server.sessions) == (1, 3)


def test_nothing_is_connected_before_it_is_used(host, server) -> None:
    assert (host.label, server.connections) == ("far", 0)
    host.close()


# ---- hosts that are slow, silent or gone


def test_what_takes_too_long_is_given_up_and_the_host_still_used(host, server) -> None:
    with pytest.raises(HostError, match=r"^host far: no answer within 0\.2 s$"):
        host.run("exec sleep 600", timeout=0.2)
    assert host.run("echo well").out == "well\n"
    assert server.connections == 1


def test_input_that_nobody_reads_does_not_keep_us(host) -> None:
    with pytest.raises(HostError, match=r"no answer within 0\.2 s"):
        host.run("exec sleep 600", stdin=bytes(8_000_000), timeout=0.2)


def test_a_lost_connection_is_told_and_opened_anew(host, server, until) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(host.run, "exec sleep 600", timeout=60.0)
        until(lambda: server.commands)
        server.drop()
        with pytest.raises(HostError, match=r"^host far: contact lost"):
            running.result()
    assert host.run("echo well").out == "well\n"
    assert server.connections == 2


def test_a_script_without_an_exit_code_is_lost_contact(host, server) -> None:
    server.handler = lambda command, channel: None  # as sshd, of what a signal ended
    with pytest.raises(HostError, match="contact lost before a script had ended"):
        host.run(":")


def test_a_host_that_opens_no_channel_is_connected_anew(host, server, monkeypatch) -> None:
    host.run(":")
    monkeypatch.setattr(ssh, "CHANNEL", 0.2)
    server.go_silent()
    with pytest.raises(HostError, match="host far: contact lost: Timeout opening channel"):
        host.run(":")
    server.resume()
    monkeypatch.setattr(ssh, "CHANNEL", 15.0)
    assert host.run("echo well").out == "well\n"
    assert server.connections == 2


def test_a_host_that_falls_silent_before_a_script_begins_is_given_up(host, server, monkeypatch) -> None:
    opened = host._opened

    def open_and_fall_silent():
        channel = opened()
        monkeypatch.setattr(ssh, "CHANNEL", 0.2)
        server.go_silent()
        return channel

    monkeypatch.setattr(host, "_opened", open_and_fall_silent)
    with pytest.raises(HostError, match="host far: contact lost"):
        host.run(":")


def test_who_fails_late_does_not_end_what_others_have_connected_anew(
    host, server, until, monkeypatch
) -> None:
    host.run(":")
    lost, opened = host._transport(), host._opened

    def fail_late():
        monkeypatch.setattr(host, "_opened", opened)
        server.drop()
        until(lambda: not lost.is_active())
        host.run(":")
        raise paramiko.SSHException("Timeout opening channel.")

    monkeypatch.setattr(host, "_opened", fail_late)
    with pytest.raises(HostError):
        host.run(":")
    assert host.run("echo well").out == "well\n"
    assert server.connections == 2


def test_a_silent_host_is_no_answer(host, server, until) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(host.run, "exec sleep 600", timeout=0.5)
        until(lambda: server.commands)
        server.go_silent()
        with pytest.raises(HostError, match=r"no answer within 0\.5 s"):
            running.result()
    server.resume()


def test_a_person_is_told_of_a_lost_host_as_any_script_is(host, server, monkeypatch) -> None:
    host.run(":")
    monkeypatch.setattr(ssh, "CHANNEL", 0.2)
    server.go_silent()
    with pytest.raises(HostError):
        host.attend(":", terminal=False)


# ---- channels


def test_no_more_than_four_channels_are_open_at_once(home, server) -> None:
    lock, all_open = threading.Lock(), threading.Barrier(ssh.CHANNELS, timeout=60.0)
    now, most = 0, 0

    def count(command: str, channel: paramiko.Channel) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        all_open.wait()
        with lock:
            now -= 1
        server._shell(command, channel)

    server.handler = count
    host = home.host(server)
    with ThreadPoolExecutor(3 * ssh.CHANNELS) as pool:
        codes = [done.code for done in pool.map(lambda _: host.run(":"), range(3 * ssh.CHANNELS))]
    assert (set(codes), most) == ({0}, ssh.CHANNELS)
    assert server.connections == 1


def test_busy_channels_are_waited_for_and_told(host, server) -> None:
    streams = [host.stream("exec cat") for _ in range(ssh.CHANNELS)]
    with pytest.raises(HostError, match=r"its 4 channels were busy for 0\.1 s"):
        host.run(":", timeout=0.1)
    assert server.sessions == ssh.CHANNELS
    streams[0].close()
    assert host.run("echo well").out == "well\n"
    for stream in streams[1:]:
        stream.close()


def test_every_failure_gives_its_channel_back(host, server) -> None:
    shell, server.handler = server.handler, lambda command, channel: None
    for _ in range(ssh.CHANNELS + 1):
        with pytest.raises(HostError, match="contact lost"):
            host.run(":")
    server.handler, server.refuse_auth = shell, True
    host.close()
    for _ in range(ssh.CHANNELS + 1):
        with pytest.raises(HostError, match="does not let ann in"):
            host.run(":")
    server.refuse_auth = False
    assert host.run("echo well", timeout=5.0).out == "well\n"


def test_a_connection_that_dies_while_it_is_closed_breaks_nothing(host, monkeypatch) -> None:
    opened = host._opened

    def open_fragile():
        channel = opened()
        monkeypatch.setattr(channel, "close", close)
        return channel

    def close() -> None:
        raise EOFError

    monkeypatch.setattr(host, "_opened", open_fragile)
    for _ in range(ssh.CHANNELS + 1):
        assert host.run("echo well", timeout=5.0).out == "well\n"


def test_a_server_that_opens_few_sessions_is_said_so(host, server, until) -> None:
    server.max_sessions = 1
    stream = host.stream("exec cat")
    with pytest.raises(HostError, match="host far: sshd opens no more sessions") as raised:
        host.run(":")
    assert raised.value.hint == "its MaxSessions must be 4 or more: sshd -T | grep maxsessions"
    stream.close()

    def runs() -> bool:  # a session lasts until its command has ended
        try:
            return host.run("echo well").out == "well\n"
        except HostError:
            return False

    until(runs)
    assert server.connections == 1


@pytest.mark.parametrize("limit", [1, 3, 4, 10])
def test_how_many_sessions_a_server_opens_is_tried_out(host, server, limit) -> None:
    server.max_sessions = limit
    assert host.sessions() == min(limit, ssh.CHANNELS)
    assert host.run("echo well").out == "well\n" and server.connections == 1


def test_a_server_that_falls_silent_while_it_is_tried_out(host, server, monkeypatch) -> None:
    host.run(":")
    monkeypatch.setattr(ssh, "CHANNEL", 0.2)
    server.go_silent()
    with pytest.raises(HostError, match="host far: contact lost: Timeout opening channel"):
        host.sessions()
