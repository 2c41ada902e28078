from launcher.rank_table import Finding, RankTableError
from launcher.rank_table.finding import format_path

FINDING = Finding(
    rule="server-count",
    severity="error",
    path="server_count",
    message="is 3, but server_list has 2 entries",
    hccl="EI0014",
    remedy="Set it",
    source="t.json",
    line=3,
    column=18,
)


def test_a_finding_reads_as_one_line() -> None:
    assert str(FINDING) == (
        "t.json:3:18: error[server-count] server_count: is 3, but server_list has 2 entries. "
        "HCCL: EI0014. Set it."
    )


def test_a_finding_without_text_path_or_answer_leaves_them_out() -> None:
    finding = Finding("root-object", "error", "", "a list", "", "Start with {")

    assert str(finding) == "error[root-object] a list. Start with {."


def test_paths_are_written_as_in_code() -> None:
    assert format_path(("server_list", 1, "device", 3, "device_ip")) == "server_list[1].device[3].device_ip"
    assert format_path(("a", "b c", "é\ud800")) == 'a["b c"]["\\u00e9\\ud800"]'
    assert format_path(()) == ""


def test_an_error_shows_every_finding() -> None:
    error = RankTableError([FINDING, FINDING])

    assert error.findings == (FINDING, FINDING)
    assert str(error) == f"{FINDING}\n{FINDING}"
