"""The event log survives a writer that was killed, and readers see whole events only."""

from __future__ import annotations

import pytest

from launcher.run.events import EventLog, read_events
from tests.full_disk import full_disk


def test_events_are_read_from_where_one_left_off(tmp_path):
    log = EventLog(tmp_path / "e", clock=lambda: 12.3456)
    log.write("phase", phase="check")
    first, offset = read_events(tmp_path / "e")
    log.write("end", exit_code=0)
    second, _ = read_events(tmp_path / "e", offset)
    log.close()
    assert first == [{"schema": 1, "time": 12.346, "event": "phase", "phase": "check"}]
    assert [event["event"] for event in second] == ["end"]


def test_half_a_line_is_not_read_until_it_is_whole(tmp_path):
    (tmp_path / "e").write_bytes(b'{"event": "a"}\n{"eve')
    events, offset = read_events(tmp_path / "e")
    assert events == [{"event": "a"}] and offset == 15


def test_a_writer_after_a_killed_one_begins_a_new_line(tmp_path):
    (tmp_path / "e").write_bytes(b'{"event": "a"}\n{"eve')
    log = EventLog(tmp_path / "e")
    log.write("b")
    log.close()
    assert [event["event"] for event in read_events(tmp_path / "e")[0]] == ["a", "b"]


@pytest.mark.parametrize("room", [0, 40])
def test_what_a_full_disk_refuses_is_written_later_in_order(tmp_path, room):
    log = EventLog(tmp_path / "e")
    with full_disk(room):
        log.write("a")
        log.write("b")
    assert read_events(tmp_path / "e")[0] == []
    log.write("c")
    log.close()
    assert [event["event"] for event in read_events(tmp_path / "e")[0]] == ["a", "b", "c"]


def test_a_log_is_closed_though_its_disk_is_full(tmp_path):
    (tmp_path / "e").write_bytes(b'{"eve')
    with full_disk():
        log = EventLog(tmp_path / "e")
        log.write("a")
        log.close()
    assert (tmp_path / "e").read_bytes() == b'{"eve'


def test_no_log_has_no_events(tmp_path):
    assert read_events(tmp_path / "none") == ([], 0)
