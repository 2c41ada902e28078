"""A key that no file of the cluster names: the agent has it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.errors import ExitCode


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of one who has an agent, and no keys at home."""
    socket, home = tmp_path / "agent", tmp_path / "home"
    home.mkdir()
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()  # once it listens
        yield {"SSH_AUTH_SOCK": str(socket), "HOME": str(home)}
        process.terminate()


def test_the_agent_lets_the_launcher_in_and_nothing_else_does(place, bed, agent):
    place.environ |= agent
    place.use(ssh={"user": "root", "known_hosts": str(bed.known_hosts)})
    refused = place.launcher("check", "-c", place.cluster)
    assert refused.returncode == ExitCode.CHECK_FAILED
    assert "it does not let root in" in refused.stdout + refused.stderr
    subprocess.run(["ssh-add", "-q", bed.key], env=place.environ, check=True)
    done = place.run(place.job('echo "rank $RANK_ID"', ranks=8))
    assert done.returncode == ExitCode.OK, done.stderr
    assert (place.directory(place.only_run()) / "LOG7" / "log.txt").read_text() == "rank 7\n"
    place.assert_nothing_left()
