"""Stages that make data, on two hosts: with a directory that both share, and on disks of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cluster.images.golden import CPU
from tests.e2e.test_data_stages import HEAD, PAGE

pytestmark = pytest.mark.full
JOBS = Path(__file__).parents[2] / "jobs"
VOCABULARY = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\nfilm\n"
PLACES = {"shared": "/shared/stages", "own": "/var/tmp/stages"}


@pytest.fixture(params=PLACES)
def root(request, bed):
    """Where on the hosts dump, task and results are; in the path of this machine for what is shared."""
    source = bed.path / "shared" / "stages"
    shutil.rmtree(source, ignore_errors=True)
    for name in ("SST-2", "text", "records"):  # the launcher makes no directory that a volume names
        (source / name).mkdir(parents=True)
    (source / "small.xml").write_text(HEAD + "".join(map(PAGE.format, range(1, 41))) + "</mediawiki>\n")
    for split in ("train", "dev"):
        (source / "SST-2" / f"{split}.tsv").write_text("sentence\tlabel\ngood film\t1\nbad\t0\n")
    (source / "vocab.txt").write_text(VOCABULARY)
    if request.param == "own":
        for host in ("h1", "h2"):
            bed.exec(host, "rm -rf /var/tmp/stages && cp -a /shared/stages /var/tmp/stages")
    return PLACES[request.param]


def run(place, job, **sources):
    words = ["--set", "ranks=2", "--set", "placement=spread", "--set", f"image={CPU}"]
    words += ["--set", "needs.disk=1MB"]
    for name, source in sources.items():
        words += ["--set", f"{name}={source}"]
    done = place.run(JOBS / job, *words)
    assert done.returncode == 0, done.stdout + done.stderr


def files(bed, host, directory, pattern):
    listed = bed.exec(host, f"cd {directory} && ls {pattern}", check=False)
    return listed.split()


def test_extract(place, bed, root):
    sources = {"volumes.dumps.source": root, "volumes.output.source": f"{root}/text"}
    parameters = {"script.parameters.dump": "small.xml", "script.parameters.split_bytes": 1000}
    run(place, "extract.yaml", **sources, **parameters)
    first, second = (files(bed, host, f"{root}/text", "part-*.txt") for host in ("h1", "h2"))
    if root == PLACES["shared"]:
        manifest = json.loads(bed.exec("h1", f"cat {root}/text/manifest.json"))
        assert manifest["counts"]["documents"] == 40
        assert first == second == [file["name"] for file in manifest["files"]]
    else:
        assert [int(name[5:10]) % 2 for name in first] == [0] * len(first)
        assert [int(name[5:10]) % 2 for name in second] == [1] * len(second)
        assert len(first) + len(second) == int(first[0][14:19])
        assert files(bed, "h1", f"{root}/text", "manifest.json") == []


def test_glue(place, bed, root):
    sources = {"data": f"{root}/SST-2", "vocabulary": f"{root}/vocab.txt", "output": f"{root}/records"}
    run(place, "glue.yaml", **{f"volumes.{name}.source": path for name, path in sources.items()})
    found = [files(bed, host, f"{root}/records", "*.tfrecord") for host in ("h1", "h2")]
    if root == PLACES["shared"]:
        assert found == [["dev.tfrecord", "train.tfrecord"]] * 2
    else:
        assert found == [["train.tfrecord"], ["dev.tfrecord"]]


def test_pretraining_data(place, bed, root):
    """On disks of their own each host makes it all, the same bytes; what is compiled stays beside them."""
    bed.exec("h1", f"yes 'good film bad\n' | head -c 1200000 > {root}/part-0.txt")
    if root == PLACES["own"]:
        bed.exec("h2", f"yes 'good film bad\n' | head -c 1200000 > {root}/part-0.txt")
    sources = {"text": root, "vocabulary": f"{root}/vocab.txt", "output": f"{root}/records"}
    parameters = {"shard_mb": 1, "max_seq_length": 16, "dupe_factor": 1, "workers": 1}
    parameters["every_host"] = "true" if root == PLACES["own"] else "false"
    run(
        place,
        "pretraining-data.yaml",
        **{f"volumes.{name}.source": path for name, path in sources.items()},
        **{f"script.parameters.{name}": value for name, value in parameters.items()},
    )
    sums = [bed.exec(host, f"cd {root}/records && sha256sum *") for host in ("h1", "h2")]
    assert sums[0] == sums[1]
    assert sums[0].count("-of-00002.tfrecord") == 2
    assert "manifest.json" in sums[0]
    for host in ("h1", "h2"):
        assert files(bed, host, f"{root}/records/.kernels", "-d *")
