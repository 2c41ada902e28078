import os
from pathlib import Path

from launcher.spec.load import load
from launcher.spec.paths import absolute

VOLUMES = "volumes:\n  code: {source: ../src}\n  dataset: {source: data//x/../y}\n  output: {source: ~/out}\n"


def test_sources_begin_at_their_file_or_at_the_current_directory(files, tmp_path: Path) -> None:
    for name in ("clusters", "jobs"):
        (tmp_path / name).mkdir()
    Path("clusters/c.yaml").write_text(
        files.cluster + "path: [bin, ~/bin, /opt//bin]\nssh: {key: ~/.ssh/id, known_hosts: k}\n"
    )
    Path("jobs/j.yaml").write_text(files.job + VOLUMES)
    spec = load(
        "clusters/c.yaml",
        "jobs/j.yaml",
        overrides=["volumes.extra={source: here}", "cluster.hosts.0.path=[b]"],
        environ={"HOME": "/home/me"},
    )
    sources = {name: volume.source for name, volume in spec.job.volumes.items()}
    assert sources == {
        "code": f"{tmp_path}/src",
        "dataset": f"{tmp_path}/jobs/data/y",
        "output": "/home/me/out",
        "extra": f"{tmp_path}/here",
    }
    assert spec.cluster.path == (f"{tmp_path}/clusters/bin", "/home/me/bin", "/opt/bin")
    assert spec.cluster.hosts[0].path == (f"{tmp_path}/b",)
    assert (spec.cluster.ssh.key, spec.cluster.ssh.known_hosts) == (
        "/home/me/.ssh/id",
        f"{tmp_path}/clusters/k",
    )
    assert (spec.cluster_file, spec.job_file) == (f"{tmp_path}/clusters/c.yaml", f"{tmp_path}/jobs/j.yaml")


def test_remote_hosts_need_absolute_sources_but_code_is_here(files, tmp_path: Path) -> None:
    assert files.problems(cluster=files.ascend, more="image: i\n" + VOLUMES, HOME="/h") == [
        f"job.yaml:{line}: a relative path, and node01 is remote: on remote hosts name an absolute path"
        for line in ("8:21", "9:20")
    ]
    sets = "volumes.dataset.source=/d/../e", "volumes.output={}"
    volumes = files.load(*sets, cluster=files.ascend, more="image: i\n" + VOLUMES, HOME="/h").job.volumes
    assert (volumes["dataset"].source, volumes["code"].source) == ("/e", f"{tmp_path.parent}/src")


def test_on_cpu_may_name_relative_sources_though_other_clusters_are_remote(files) -> None:
    more = "image: i\nvolumes: {dataset: {source: /d}}\non_cpu: {volumes: {dataset: {source: sample}}}\n"
    assert files.load(cluster=files.ascend, more=more).job.volumes["dataset"].source == "/d"


def test_absolute() -> None:
    assert absolute("//a/./b/../c/", "/x") == "/a/c"
    assert absolute("../../../etc", "/x/y") == "/etc"


def test_hostile_sources_are_data(files, hostile: str, tmp_path: Path) -> None:
    text = "/x" + hostile.replace("${", "$${")
    source = files.load(f"volumes.a={{source: {_yaml(text)}}}").job.volumes["a"].source
    assert source == os.path.normpath("/x" + hostile)


def _yaml(text: str) -> str:
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'
