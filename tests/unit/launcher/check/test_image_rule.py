"""The image of a job: the same on all hosts, or to be had from somewhere."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from launcher.check import offers
from launcher.check.facts import Engine, Facts
from launcher.check.host_needs import HostNeeds
from launcher.check.judge import judge_together
from launcher.check.model import Finding, Level
from launcher.check.rules.fleet import Examined
from launcher.images.identity import Image

NEEDS = HostNeeds(work_dir=None, processes=False, path="", locks=(), hosts=2, image="repo/image:1")
ABSENT = Engine(version="27", architecture="arm64")
THERE = replace(ABSENT, image_architecture="arm64", image_identity="aaa", image_size=1_400_000_000)
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
)


def judged(*engines: Engine, needs: HostNeeds = NEEDS) -> list[Finding]:
    fleet = {
        f"n{number}": Examined(needs, replace(FACTS, engine=engine))
        for number, engine in enumerate(engines, start=1)
    }
    return [finding for finding in judge_together(fleet) if finding.rule == "image"]


def test_nothing_is_said_where_all_have_the_same() -> None:
    assert judged(THERE, THERE) == []


def test_it_comes_from_a_host_that_has_it() -> None:
    (finding,) = judged(ABSENT, THERE)
    assert (finding.host, finding.level) == ("n1", Level.WARNING)
    assert finding.words == "image repo/image:1 is not there: it will be sent from n2 (1.4 GB)"


def test_not_from_a_host_of_another_architecture() -> None:
    (finding,) = judged(ABSENT, replace(THERE, architecture="amd64", image_architecture="amd64"))
    assert finding.level is Level.ERROR
    assert finding.words.endswith("that of n2 is for amd64, the host is arm64")


def test_it_comes_from_the_registry_where_the_cluster_has_one() -> None:
    (finding,) = judged(ABSENT, THERE, needs=replace(NEEDS, registry="reg:5000/ai"))
    assert finding.level is Level.WARNING
    assert finding.words.endswith("it will be pulled from reg:5000/ai")


def test_it_comes_from_this_machine() -> None:
    found = judged(ABSENT, ABSENT, needs=replace(NEEDS, image_here=5_000_000))
    assert {finding.level for finding in found} == {Level.WARNING}
    assert found[0].words.endswith("it will be sent from this machine's engine (5 MB)")


def test_it_is_nowhere() -> None:
    found = judged(ABSENT, ABSENT)
    assert [(finding.host, finding.level) for finding in found] == [("n1", Level.ERROR), ("n2", Level.ERROR)]
    assert "launcher image build" in found[0].remedy


def test_two_images_of_one_name() -> None:
    (finding,) = judged(THERE, replace(THERE, image_identity="bbb"), THERE)
    assert (finding.host, finding.level) == ("n2", Level.ERROR)
    assert finding.words == "image repo/image:1 is bbb, but aaa on n1, n3"
    assert finding.remedy.endswith("launcher image push repo/image:1 --from n1")


def test_a_docker_that_refuses_is_complained_of_elsewhere() -> None:
    assert judged(Engine(refusal="no"), THERE) == []


def test_names_are_one_shell_word(hostile: str) -> None:
    needs = replace(NEEDS, image=hostile)
    (other,) = judged(THERE, THERE, replace(THERE, image_identity="b"), needs=needs)
    assert shlex.split(other.remedy.partition(": ")[2])[3] == hostile
    absent, *_ = judged(ABSENT, THERE, needs=needs)
    assert shlex.split(absent.remedy.partition(": ")[2])[3] == hostile


@pytest.mark.parametrize(("engine", "asked"), [(THERE, 0), (ABSENT, 1)])
def test_this_machine_is_asked_only_where_no_host_has_it(monkeypatch, engine: Engine, asked: int) -> None:
    calls = []

    def image_here(name: str) -> Image:
        calls.append(name)
        return Image("sha256:1", "arm64", ("a",), "c", 7)

    monkeypatch.setattr("launcher.images.here.image_here", image_here)
    needs = offers.with_image_here({"n1": NEEDS}, {"n1": replace(FACTS, engine=engine)})
    assert calls == ["repo/image:1"] * asked
    assert needs["n1"].image_here == (7 if asked else None)
