"""What `smoke` prints for people."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from launcher.cli.tables import data, print_table, table
from launcher.plan.selection import as_ranges
from launcher.smoke.report import PairRow, Report

_ADDING = "sizes"
_PHASES = {
    "": "not begun",
    "import": "importing MindSpore",
    "scheduler": "trying to reach the scheduler",
    "join": "waiting for the others",
    _ADDING: "adding with all",
    "pairs": "adding in pairs",
    "done": "all done",
}


def print_report(report: Report) -> None:
    """A line for each size, then the pairs."""
    shown = table("SIZE", "TIMES", "MEDIAN", "P99", "ALGBW", "BUSBW")
    for column in shown.columns:
        column.justify = "right"
    for row in report.sizes:
        times = (seconds(row.median), seconds(row.p99))
        bandwidths = (bandwidth(row.algbw), bandwidth(row.busbw))
        shown.add_row(*map(data, (size(row.bytes), row.repetitions, *times, *bandwidths)))
    print_table(shown)
    print()
    for line in summary_lines(report):
        print(line)


def summary_lines(report: Report) -> Iterator[str]:
    """What the table does not say."""
    hosts = len(set(report.hosts.values()))
    end = "every sum was right" if report.is_complete else "not all came to the end"
    yield f"{report.ranks} ranks on {hosts} host{'s'[: hosts > 1]}: {end}"
    if report.left_out:
        yield f"left out        {', '.join(map(size, report.left_out))}: would take more than 5 s each"
    if not report.pairs:
        return
    pair = report.pairs[0]
    yield f"pairs           {len(report.pairs)} measured with {size(pair.bytes)}; medians: {_medians(report)}"
    kind = "across hosts" if pair.is_across else "within a host"
    yield (
        f"slowest pair    {_pair(pair)}: {seconds(pair.seconds)}, "
        f"{report.times_median(pair):.3g} times the median of pairs {kind}"
    )
    if found := report.suspect:
        what = f"host {found.host}" if found.rank is None else f"rank {found.rank} on {found.host}"
        yield f"suspect         {what}: its pairs are at least {found.times:.3g} times as slow as any other"
    elif hosts == 2:
        yield "suspect         neither host: every pair across hosts has both; a third host would tell which"


def failure_lines(report: Report) -> Iterator[str]:
    """How far each rank came, and for whom others waited."""
    if missed := report.missed:
        yield f"  missed   {_ranks(report, missed)} did not come; the others waited"
    phases: dict[str, list[int]] = {}
    for rank, phase in report.came.items():
        phases.setdefault(phase, []).append(rank)
    for phase, ranks in phases.items():
        yield f"  came to  {_ranks(report, ranks)}: {_PHASES.get(phase, phase)}"
    if _ADDING in phases and not report.sizes and not report.missed:
        yield "  next     all met, but their first sum failed: hosts must reach each other on every port,"
        yield "           NPUs over their own network, too: launcher check"


def _ranks(report: Report, ranks: Collection[int]) -> str:
    """`ranks 0-3 on h1, 4 on h2`."""
    hosts: dict[str, list[str]] = {}
    for rank in ranks:
        hosts.setdefault(report.hosts[rank], []).append(str(rank))
    return f"rank{'s'[: len(ranks) > 1]} " + ", ".join(
        f"{as_ranges(keys)} on {host}" for host, keys in hosts.items()
    )


def _pair(pair: PairRow) -> str:
    (one, other), (here, there) = pair.ranks, pair.hosts
    return f"rank {one} on {here} and rank {other} on {there}"


def _medians(report: Report) -> str:
    kinds = {"within a host": False, "across hosts": True}
    found = {name: report.median_of_pairs(across=across) for name, across in kinds.items()}
    return ", ".join(f"{seconds(value)} {name}" for name, value in found.items() if value is not None)


def size(count: int) -> str:
    """Bytes in powers of 1024."""
    return _scaled(float(count), 1024, ("B", "KiB", "MiB", "GiB"))


def seconds(value: float) -> str:
    """A time with three digits."""
    return _scaled(value * 1e6, 1000, ("µs", "ms", "s"))


def bandwidth(value: float) -> str:
    """Bytes a second in powers of 1000."""
    return _scaled(value, 1000, ("B/s", "kB/s", "MB/s", "GB/s"))


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    for unit in units[:-1]:
        if value < step:
            return f"{_three_digits(value)} {unit}"
        value /= step
    return f"{_three_digits(value)} {units[-1]}"


def _three_digits(value: float) -> str:
    """Three, but of a number above 999 all of its whole ones."""
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"
