"""What people read of a smoke run."""

from __future__ import annotations

from typer.testing import CliRunner

from launcher.cli.app import app
from launcher.cli.smoke_text import bandwidth, failure_lines, print_report, seconds, size, summary_lines
from launcher.smoke.findings import Findings, PairTimes, Times
from launcher.smoke.report import report

HOSTS = {0: "h1", 1: "h1", 2: "h2", 3: "h2"}
ACROSS = {(0, 2): 0.4, (0, 3): 0.41, (1, 2): 0.42, (1, 3): 0.5}


def made(left_out=()):
    """A report of four ranks on two hosts that are far from each other."""
    pairs = {(0, 1): 0.01, (2, 3): 0.012, **ACROSS}
    findings = {
        rank: Findings(
            phase="done",
            sizes=(Times(8, (0.00025, 0.0005, 0.0004)), Times(2**20, (0.5, 0.8))),
            left_out=left_out,
            pairs=tuple(PairTimes(pair, 2**20, (time,)) for pair, time in pairs.items() if pair[0] == rank),
        )
        for rank in HOSTS
    }
    return report(findings, HOSTS)


def test_the_table_and_the_slowest_pair(capsys):
    print_report(made(left_out=(2**22, 2**24)))
    assert capsys.readouterr().out == (
        " SIZE  TIMES  MEDIAN     P99      ALGBW      BUSBW\n"
        "  8 B      3  400 µs  500 µs    20 kB/s    30 kB/s\n"
        "1 MiB      2  650 ms  800 ms  1.61 MB/s  2.42 MB/s\n"
        "\n"
        "4 ranks on 2 hosts: every sum was right\n"
        "left out        4 MiB, 16 MiB: would take more than 5 s each\n"
        "pairs           6 measured with 1 MiB; medians: 11 ms within a host, 415 ms across hosts\n"
        "slowest pair    rank 1 on h1 and rank 3 on h2: 500 ms, 1.2 times the median of pairs across hosts\n"
        "suspect         neither host: every pair across hosts has both; a third host would tell which\n"
    )


def test_a_suspect_is_named():
    hosts = dict.fromkeys(range(4), "h1")
    found = {
        rank: Findings(
            phase="done",
            pairs=tuple(
                PairTimes((rank, other), 8, (0.1 if other == 3 else 0.01,)) for other in range(rank + 1, 4)
            ),
        )
        for rank in hosts
    }
    *_, line = summary_lines(report(found, hosts))
    assert line == "suspect         rank 3 on h1: its pairs are at least 10 times as slow as any other"


def test_a_failure_says_who_did_not_come_and_how_far_all_came():
    phases = ["join", "join", "join", "scheduler"]
    found = report({rank: Findings(phase=phase) for rank, phase in enumerate(phases)}, HOSTS)
    assert list(failure_lines(found)) == [
        "  missed   rank 3 on h2 did not come; the others waited",
        "  came to  ranks 0-1 on h1, 2 on h2: waiting for the others",
        "  came to  rank 3 on h2: trying to reach the scheduler",
    ]


def test_ranks_that_met_but_cannot_add_are_told_what_to_look_at():
    found = report({rank: Findings(phase="sizes") for rank in HOSTS}, HOSTS)
    came, *advice = failure_lines(found)
    assert came == "  came to  ranks 0-1 on h1, 2-3 on h2: adding with all"
    assert "their first sum failed: hosts must reach each other on every port" in advice[0]


def test_sums_are_not_said_to_be_right_where_ranks_did_not_end():
    found = report({rank: Findings(phase="pairs") for rank in HOSTS}, HOSTS)
    assert next(summary_lines(found)) == "4 ranks on 2 hosts: not all came to the end"


def test_numbers_for_people():
    assert [size(value) for value in (8, 1024, 65536, 1536, 2**26, 2**31)] == [
        "8 B", "1 KiB", "64 KiB", "1.5 KiB", "64 MiB", "2 GiB",
    ]  # fmt: skip
    assert [seconds(value) for value in (0.0000123, 0.00456, 0.99999, 12.0, 4321.0)] == [
        "12.3 µs", "4.56 ms", "1000 ms", "12 s", "4321 s",
    ]  # fmt: skip
    assert [bandwidth(value) for value in (999.0, 25e6, 19.5e9)] == ["999 B/s", "25 MB/s", "19.5 GB/s"]


def test_a_wrong_size_is_said_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    done = CliRunner().invoke(app, ["smoke", "-c", "rank_tables/local.yaml", "--sizes", "8,much"])
    assert "--sizes 8,much" in str(done.exception)
    assert not (tmp_path / "runs").exists()
