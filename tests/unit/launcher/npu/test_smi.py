"""Every known form of npu-smi's output, and what is none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.npu import ToolError
from launcher.npu.smi import (
    Card,
    Chip,
    Health,
    Mapped,
    Process,
    Remap,
    Spod,
    Usage,
    parse_health,
    parse_info,
    parse_list,
    parse_map,
    parse_remap,
    parse_spod,
    with_physical,
)
from tests.unit.launcher.npu import samples

PARSERS = [parse_health, parse_info, parse_list, parse_map, parse_remap, parse_spod]


def test_910a_has_two_memories():
    info = parse_info(samples.INFO_910A)
    assert info.version == "22.0.4"
    assert info.chips[0] == Chip(
        0, 0, None, "910A", "OK", "0000:C1:00.0", Usage(2505, 15567), Usage(0, 32768)
    )
    assert (info.chips[1].name, info.chips[1].health) == ("910ProB", "Warning")
    assert info.processes == ()


def test_910b_with_sparse_ids_and_glued_figures():
    info = parse_info(samples.INFO_910B)
    assert [(chip.npu, chip.chip, chip.physical, chip.health) for chip in info.chips] == [
        (0, 0, None, "OK"),
        (5, 0, None, "Alarm"),
    ]
    assert info.chips[1].hbm == Usage(30710, 65536)
    assert info.processes == (Process(0, 0, 139667, "python", 30780),)


def test_a3_says_the_physical_id_of_each_die():
    info = parse_info(samples.INFO_A3)
    assert [(chip.npu, chip.chip, chip.physical) for chip in info.chips] == [
        (0, 0, 0),
        (0, 1, 1),
        (1, 0, 2),
        (1, 1, 3),
    ]
    assert info.chips[3].health == "Critical" and info.chips[1].hbm == Usage(52553, 65536)
    assert info.processes == (Process(1, 1, 4711, "train.py", 97),)


def test_version_26_has_a_column_more_and_names_may_hold_bars():
    info = parse_info(samples.INFO_26)
    assert info.chips[0].physical == 14
    assert info.processes == (
        Process(7, 0, 632268, "python3.1", 197),
        Process(7, 0, 632269, "a|b", 198),
    )


def test_310p_calls_the_physical_id_device_and_has_no_hbm():
    info = parse_info(samples.INFO_310P)
    assert [(chip.npu, chip.physical) for chip in info.chips] == [(2, 0), (2, 1)]
    assert info.chips[0].memory == Usage(1397, 44280) and info.chips[0].hbm is None


def test_dies_may_share_the_row_of_their_npu():
    chips = parse_info(samples.INFO_DIES_WITHOUT_IDS).chips
    assert [(chip.npu, chip.chip, chip.name, chip.bus) for chip in chips] == [
        (3, 0, "Ascend910", "0000:C1:00.0"),
        (3, 1, "Ascend910", "NA"),
    ]


def test_lists():
    assert parse_list(samples.LIST_A2) == (Card(10, 1), Card(12, 1))
    assert parse_list(samples.LIST_A3) == (Card(0, 2),)


def test_the_map_leaves_out_managers_and_npus_that_cannot_be_used():
    assert parse_map(samples.MAP_910B) == (
        Mapped(0, 0, 0, None, "Ascend 910B3"),
        Mapped(12, 0, 1, None, "Ascend 910B3"),
    )
    assert parse_map(samples.MAP_A3) == (
        Mapped(1, 0, 0, 2, "Ascend910"),
        Mapped(1, 1, 1, 3, "Ascend910"),
    )


def test_physical_ids_by_what_is_known_best():
    (one, two) = parse_info(samples.INFO_910B).chips
    assert [chip.physical for chip in with_physical((one, two))] == [0, 5]
    dies = parse_info(samples.INFO_DIES_WITHOUT_IDS).chips
    assert [chip.physical for chip in with_physical(dies)] == [None, None]
    logic = [Mapped(3, 0, 6, None, "x"), Mapped(3, 1, 7, None, "x")]
    assert [chip.physical for chip in with_physical(dies, logic)] == [6, 7]
    said = [Mapped(3, 0, 0, 8, "x"), Mapped(3, 1, 1, 9, "x")]
    assert [chip.physical for chip in with_physical(dies, said)] == [8, 9]
    known = parse_info(samples.INFO_A3).chips
    assert with_physical(known, [Mapped(0, 0, 9, 9, "x")]) == known


def test_health_super_pod_and_remapping():
    assert parse_health(samples.HEALTH) == Health("OK", "NA", "NA")
    bad = parse_health(samples.HEALTH_BAD)
    assert (bad.status, bad.code) == ("Alarm", "80E18401")
    assert bad.words.endswith("event state=input error")
    assert parse_spod(samples.SPOD) == Spod("37814273", "3")
    assert parse_spod(samples.SPOD_TABLE) == Spod(None, "3")
    assert parse_remap(samples.REMAP) == Remap(14, 14, 7, 0)


@pytest.mark.parametrize("parse", PARSERS)
def test_what_is_said_instead_is_the_error(parse):
    with pytest.raises(ToolError, match=r"npu-smi: dcmi module initialize failed\. ret is -8005"):
        parse(samples.OCCUPIED)
    with pytest.raises(ToolError, match="npu-smi said nothing"):
        parse("\n")


HEAD = "\n".join(samples.INFO_910B.splitlines()[3:5]) + "\n"


@pytest.mark.parametrize(
    "rows",
    [
        "| x     910B3 | OK | 1 |\n",
        "| 0     910B3 | OK | 1 |\n| y | 0000:C1:00.0 | 0 0 / 0 |\n",
        "| NPU Chip | Process id | Process name | Process memory(MB) |\n| 0 0 | 1 | python |\n",
        "| NPU Chip | Process id | Process name | Process memory(MB) |\n| 0 | 1 | python | 5 |\n",
        "| NPU Chip | Process id | Process name | Process memory(MB) |\n| 0 0 | one | python | 5 |\n",
    ],
)
def test_rows_that_are_cut_off_or_odd_are_quoted(rows):
    last = rows.splitlines()[-1].strip("| ")
    with pytest.raises(ToolError) as failure:
        parse_info(HEAD + rows)
    assert str(failure.value) == f"npu-smi: {last}"


def test_lists_and_maps_that_are_cut_off():
    for cut in (samples.LIST_A2.rpartition("\tChip Count")[0], samples.LIST_A2.partition("\tNPU ID")[0]):
        with pytest.raises(ToolError):
            parse_list(cut)
    with pytest.raises(ToolError, match="npu-smi: 1  0"):
        parse_map("NPU ID  Chip ID  Chip Logic ID  Chip Name\n1  0\n")
    with pytest.raises(ToolError):
        parse_map("NPU ID  Chip ID  Chip Logic ID  Chip Name\n1 0 two Ascend\n")


def test_a_long_line_is_cut():
    with pytest.raises(ToolError) as failure:
        parse_info("x" * 1000)
    assert len(str(failure.value)) < 250


@given(st.text(alphabet="|+-= 0123456789:/NPUChipameHealth\n\tOKé\x00", max_size=400), st.booleans())
def test_nothing_but_a_tool_error_is_raised(text, headed):
    for parse in PARSERS:
        with suppress(ToolError):
            parse(HEAD + text if headed else text)
