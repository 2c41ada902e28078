"""The script of remedies is one that a shell can read, and that does nothing but what stands in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from launcher.check.fix import fix_script
from launcher.check.model import Finding, Fix, Level, as_root

MKDIR = Finding(
    "n1", "volumes", Level.ERROR, "/data is not there", "mkdir -p /data", Fix((("true", "/data x"),))
)
SYSCTL = Finding("n1", "ports", Level.WARNING, "ports", "reserve them", as_root(("sysctl", "-w", "a=b")))
THINK = Finding("n2", "containers", Level.ERROR, "/dev/davinci0 is in use", "docker stop x")


def run(script: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", script, "sh", *words], cwd=cwd, capture_output=True, text=True)


def test_a_part_for_each_host_with_the_reasons():
    text = fix_script("job x", [MKDIR, THINK, SYSCTL])
    part = text[text.index("n1)") : text.index("n2)")]
    assert part.splitlines() == [
        "n1)",
        "    # error: volumes: /data is not there",
        "    # remedy: mkdir -p /data",
        "    true '/data x'",
        "    # warning: ports: ports",
        "    # remedy: reserve them",
        "    as_root sysctl -w a=b",
        "    ;;",
    ]
    assert "docker stop" not in text.replace("    # remedy: docker stop x\n", "")


def test_the_part_of_a_host_is_run_by_its_name(tmp_path):
    script = fix_script("job x", [THINK, Finding("n1", "r", Level.ERROR, "w", "r", Fix((("touch", "a b"),)))])
    assert run(script, "n2", cwd=tmp_path).returncode == 0 and list(tmp_path.iterdir()) == []
    assert run(script, "n1", cwd=tmp_path).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a b"]


def test_a_host_that_is_fine_or_none_changes_nothing(tmp_path):
    script = fix_script("job x", [MKDIR])
    assert "nothing is to be mended on n9" in run(script, "n9", cwd=tmp_path).stderr
    assert "the host whose part is meant" in run(script, cwd=tmp_path).stderr


def test_no_words_of_a_host_become_commands(tmp_path, hostile):
    fix = Fix((("printf", "%s", hostile),))
    script = fix_script(hostile, [Finding("n1", hostile, Level.ERROR, hostile, hostile, fix)])
    done = run(script, "n1", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, hostile.replace("\r", "\n")), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_host_of_any_name(tmp_path, hostile):
    script = fix_script("x", [Finding(hostile, "r", Level.ERROR, "w", "r", Fix((("echo", "done"),)))])
    if hostile:
        assert run(script, hostile, cwd=tmp_path).stdout == "done\n"


def test_a_command_that_mends_two_faults_stands_once():
    assert fix_script("x", [SYSCTL, SYSCTL]).count("as_root sysctl") == 1


def test_after_a_command_that_fails_no_other_is_tried(tmp_path):
    fix = Fix((("false",), ("touch", "x")))
    script = fix_script("x", [Finding("n1", "r", Level.ERROR, "w", "r", fix)])
    assert run(script, "n1", cwd=tmp_path).returncode == 1 and list(tmp_path.iterdir()) == []
