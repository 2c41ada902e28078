"""Requirements against the packages of an interpreter."""

from __future__ import annotations

import pytest

from launcher.check.facts import Python
from launcher.check.packages import distributions, lacking

PYTHON = Python(
    "/opt/my py/bin/python",
    {"python_version": "3.9", "sys_platform": "linux"},
    {"numpy": "1.26.4", "mindspore": "2.10.0rc1", "odd": "not a version", "absent": None},
)


@pytest.mark.parametrize(
    "requirement",
    [
        "numpy",
        "numpy<2",
        "numpy>=1.26,<2",
        "numpy[extra]<2",
        "mindspore>=2.6",
        "mindspore==2.10.*",
        "numpy @ https://example.org/numpy.whl",
        "absent; python_version >= '3.10'",
    ],
)
def test_what_is_met(requirement):
    assert list(lacking([requirement], PYTHON)) == []


@pytest.mark.parametrize(
    ("requirement", "words", "remedy"),
    [
        ("numpy>=2", "numpy is 1.26.4, not >=2", "'numpy>=2'"),
        ("absent", "absent is not installed", "absent"),
        ("unheard-of>1", "unheard-of is not installed", "'unheard-of>1'"),
        ("odd>1", "odd has the version 'not a version', which cannot be compared", "'odd>1'"),
        ("absent<9; python_version < '3.10'", "absent is not installed", "'absent<9'"),
    ],
)
def test_what_is_lacking_has_a_command_as_its_remedy(requirement, words, remedy):
    assert list(lacking([requirement], PYTHON)) == [
        (f"{words} in /opt/my py/bin/python", f"'/opt/my py/bin/python' -m pip install {remedy}")
    ]


def test_each_distribution_is_looked_up_once():
    assert distributions(["numpy<2", "mindspore[cpu]>=2", "numpy>1"]) == ("numpy", "mindspore")
