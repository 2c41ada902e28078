"""What must be equal on all hosts, and is not on some."""

from __future__ import annotations

from dataclasses import replace

import pytest

from launcher.check.facts import Engine, Facts, Place
from launcher.check.host_needs import HostNeeds, Source
from launcher.check.judge import FLEET_RULES, judge_together
from launcher.check.model import Level
from launcher.check.npu_facts import NpuFacts, Port
from launcher.check.rules.fleet import Examined
from launcher.check.trees import Tree
from launcher.hosts.clock import Clock

DATA = Source("dataset", "/data/wiki", writable=False, may_be_made=False)
OUT = Source("output", "/shared/out", writable=True, may_be_made=False)
NEEDS = HostNeeds(work_dir=None, processes=False, path="", locks=(), hosts=3, sources=(DATA, OUT))
TREE = Tree(2, 10, "aa", "bb")
FACTS = Facts(
    work_dir="/w",
    work_dir_refusal="",
    file_system="ext2/ext3",
    disk=1,
    cores=8,
    memory=1,
    has_setsid=False,
    uid=0,
    user="root",
    machine="aarch64",
    driver="24.1.rc2",
    engine=Engine(version="27.1.1", architecture="arm64"),
    sources=(Place("read-only", "ext2/ext3", "7"), Place("writable", "nfs", "99")),
    trees={"/data/wiki": TREE},
    npus=NpuFacts(ports={0: Port(tls="0"), 1: Port(tls="0")}),
    clock=Clock(0.01, 0.02),
)


def judged(**third: object):
    fleet = {label: Examined(NEEDS, FACTS) for label in ("n1", "n2")}
    return judge_together({**fleet, "n3": Examined(NEEDS, replace(FACTS, **third))})


def test_nothing_is_said_of_hosts_that_are_alike():
    assert judged() == []


def tree(**changes: object) -> dict[str, object]:
    return {"trees": {"/data/wiki": replace(TREE, **changes)}}


FAULTS = {
    "architecture": ({"machine": "x86_64"}, "its architecture is x86_64, but aarch64 on n1, n2"),
    "engine": ({"engine": Engine(version="20.10.7")}, "Docker is 20.10.7, but 27.1.1 on n1, n2"),
    "driver version": ({"driver": "24.1.0"}, "the Ascend driver is 24.1.0, but 24.1.rc2 on n1, n2"),
    "TLS": (
        {"npus": NpuFacts(ports={0: Port(tls="0"), 1: Port(tls="1")})},
        "the TLS switch of NPU 1 is 1, but 0 on n1, n2, n3",
    ),
    "data": (
        tree(names="cc", files=1, size=5),
        "/data/wiki is other than on n1, n2: 1 files of 5 bytes, not 2 of 10",
    ),
    "shared volumes": (
        {"sources": (Place("read-only"), Place("writable", "ext2/ext3", "5"))},
        "volume output: /shared/out is another directory than on n1, n2 (here ext2/ext3, inode 5)",
    ),
    "clocks": ({"clock": Clock(4.0, 0.05)}, "its clock is 4.0 s ahead of that of n1 (known to 0.07 s)"),
}
ERRORS = {"TLS", "data", "shared volumes"}


@pytest.mark.parametrize("rule", FAULTS)
def test_the_host_that_is_other_is_named(rule):
    change, words = FAULTS[rule]
    (finding,) = judged(**change)
    assert (finding.host, finding.rule) == ("n3", rule) and words in finding.words
    assert finding.level is (Level.ERROR if rule in ERRORS else Level.WARNING)


def test_every_rule_is_tested():
    assert {*FAULTS, "image"} == set(FLEET_RULES)  # test_image_rule.py has that one's


def test_the_switch_that_most_npus_have_is_set():
    change, _ = FAULTS["TLS"]
    (finding,) = judged(**change)
    assert finding.fix.root
    assert finding.fix.commands == (("hccn_tool", "-i", "1", "-tls", "-s", "enable", "0"),)


def test_of_two_values_that_are_as_frequent_the_first_host_has_the_right_one():
    fleet = {
        "b": Examined(NEEDS, replace(FACTS, driver="2")),
        "a": Examined(NEEDS, replace(FACTS, driver="1")),
    }
    assert [finding.host for finding in judge_together(fleet)] == ["a"]


def test_what_a_host_does_not_tell_is_no_difference():
    unknown = {"machine": "", "driver": "", "engine": None, "npus": None, "clock": None, "trees": {}}
    assert judged(**unknown) == []


def test_a_host_alone_is_like_itself():
    assert judge_together({"n1": Examined(NEEDS, FACTS)}) == []
    assert judge_together({}) == []


@pytest.mark.parametrize(("clock", "is_found"), [(Clock(1.9, 1.0), False), (Clock(-1.5, 0.1), True)])
def test_a_skew_counts_beyond_what_is_known_of_it(clock, is_found):
    findings = judged(clock=clock)
    assert bool(findings) is is_found
    assert all("behind" in finding.words for finding in findings)


def test_data_that_took_too_long_to_compare_are_a_warning():
    (finding,) = judged(trees={"/data/wiki": None})
    assert (finding.host, finding.level) == ("n3", Level.WARNING) and "--deep" in finding.remedy


def test_only_the_dataset_must_be_equal():
    other = replace(DATA, volume="vocabulary")
    needs = replace(NEEDS, sources=(other, OUT))
    fleet = {
        "n1": Examined(needs, FACTS),
        "n2": Examined(needs, replace(FACTS, **tree(content="cc"))),
    }
    (finding,) = judge_together(fleet)
    assert finding.level is Level.WARNING and "other content" in finding.words


def test_what_would_be_copied_is_only_shown():
    change, _ = FAULTS["data"]
    (finding,) = judged(**change)
    assert finding.fix.commands[0][-3:] == ("--dry-run", "n1:/data/wiki/", "/data/wiki/")


def test_a_volume_that_is_a_file_is_copied_as_one():
    one = replace(TREE, files=1, is_file=True)
    fleet = {
        label: Examined(NEEDS, replace(FACTS, trees={"/data/wiki": replace(one, content=content)}))
        for label, content in (("n1", "bb"), ("n2", "bb"), ("n3", "cc"))
    }
    (finding,) = judge_together(fleet)
    assert finding.fix.commands[0][-3:] == ("--dry-run", "n1:/data/wiki", "/data/wiki")


def test_directories_that_nobody_shares_may_have_any_inode():
    places = (Place("read-only"), Place("writable", "ext2/ext3", "5"))
    fleet = {
        label: Examined(NEEDS, replace(FACTS, sources=(places[0], replace(places[1], inode=label))))
        for label in ("n1", "n2")
    }
    assert judge_together(fleet) == []
