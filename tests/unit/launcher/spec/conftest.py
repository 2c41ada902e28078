from pathlib import Path

import pytest

from launcher.errors import ExitCode, SpecError
from launcher.spec.load import Spec, load

CLUSTER = """\
schema: 1
name: here
device: cpu
runtime: process
devices: 0-7
hosts:
  - address: localhost
"""
ASCEND = """\
schema: 1
name: lab
device: ascend910b
devices: 0-7
hosts:
  - address: node[01-02]
"""
JOB = """\
schema: 1
name: gd
ranks: 8
command: [sleep, "1"]
"""


class Files:
    """The two files in the current directory; whole texts, or lines to add to small ones that are right."""

    cluster = CLUSTER
    ascend = ASCEND
    job = JOB

    def load(
        self, *sets: str, cluster: str = CLUSTER, job: str = JOB, more: str = "", **environ: str
    ) -> Spec:
        Path("cluster.yaml").write_text(cluster, encoding="utf-8")
        Path("job.yaml").write_text(job + more, encoding="utf-8")
        return load("cluster.yaml", "job.yaml", overrides=sets, environ=environ)

    def problems(self, *sets: str, **kwargs: str) -> list[str]:
        with pytest.raises(SpecError) as caught:
            self.load(*sets, **kwargs)
        assert caught.value.exit_code is ExitCode.USAGE
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.chdir(tmp_path)
    return Files()
