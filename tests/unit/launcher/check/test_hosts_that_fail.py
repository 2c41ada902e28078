"""Hosts that are silent, say too much, or go away in the middle hide nothing of the others."""

from __future__ import annotations

from dataclasses import replace

from launcher.check import Level, examine, examine_at
from launcher.check.host_needs import Source
from launcher.hosts import Endpoint, HostError, LocalHost

HERE = LocalHost("here")


class Silent(LocalHost):
    def run(self, *words, **options):
        raise HostError("host gone: no answer within 60 s")


def test_one_silent_host_does_not_hide_the_others(needs):
    hosts = {"gone": Silent("gone"), "here": HERE}
    findings = examine({"gone": needs, "here": replace(needs, disk=10**18)}, hosts)
    assert [(finding.host, finding.rule) for finding in findings] == [("gone", "contact"), ("here", "disk")]
    assert findings[0].words == "no answer within 60 s"


class Greeting(LocalHost):
    """A host whose login shell prints something."""

    def run(self, *words, **options):
        return replace(super().run(*words, **options), greeting="Welcome\nto this host\n")


def test_a_login_shell_that_prints_is_a_finding(needs):
    (finding,) = examine({"here": needs}, {"here": Greeting("here")})
    assert (finding.rule, finding.level) == ("login shell", Level.ERROR)
    assert "'Welcome\\nto this host'" in finding.words


class Other(LocalHost):
    """A host that has other data, and that is gone when it is asked again, for single files."""

    def run(self, text, *words, **options):
        if "each" in words:
            raise HostError(f"host {self.label}: no answer within 90 s")
        return super().run(text, *(word.replace("/data", "/other") for word in words), **options)


def test_a_second_look_that_fails_takes_nothing_away(needs, tmp_path):
    for name, files in (("data", "ab"), ("other", "c")):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text("1")
    dataset = Source("dataset", str(tmp_path / "data"), writable=False, may_be_made=False)
    asking = replace(needs, hosts=2, sources=(dataset,))
    greedy = replace(asking, disk=10**18)
    findings = examine({"here": asking, "other": greedy}, {"here": HERE, "other": Other("other")})
    assert [(each.rule, each.level) for each in findings] == [
        ("disk", Level.ERROR),
        ("data", Level.WARNING),
        ("data", Level.ERROR),
    ]
    assert findings[1].words.endswith("which files differ is not known: no answer within 90 s")
    assert findings[2].words.endswith("is other than on here: 1 files of 1 bytes, not 2 of 2")


def test_a_host_without_a_shell_that_works_says_so(needs):
    class Broken(LocalHost):
        def run(self, text, *words, **options):
            return super().run("echo 'sh: cannot fork' >&2; exit 2")

    (finding,) = examine({"here": needs}, {"here": Broken("here")})
    assert (finding.rule, finding.words) == ("host", "sh: cannot fork")


def test_a_host_that_cannot_be_reached_is_a_finding(needs):
    far = Endpoint(label="far", address="127.0.0.1", port=1, user="ann")
    (finding,) = examine_at(
        {"far": needs, "here": needs}, {"far": far, "here": Endpoint(label="here", address="localhost")}
    )
    assert (finding.host, finding.rule, finding.level) == ("far", "contact", Level.ERROR)
    assert finding.words.startswith("ann@127.0.0.1:1: ")
    assert finding.remedy.startswith("try by hand: ssh ") and finding.remedy.endswith("ann@127.0.0.1 true")
