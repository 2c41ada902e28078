"""images/ascend, built from a stand-in with CANN's paths: nobody has run it on hardware."""

from __future__ import annotations

import pytest

from tests.cluster.images.golden import SMALL

INDEX = "http://user:hidden@index.invalid/simple"
PROXY = "http://proxy.invalid:3128"
SET_ENV = {"old": "/usr/local/Ascend/ascend-toolkit", "new": "/usr/local/Ascend/cann"}

# pip is the base's: it writes down what it is asked for, since hosts of the testbed reach no index
STAND_IN = """
rm -rf /tmp/cann && mkdir -p /tmp/cann/there && cd /tmp/cann
printf 'export CANN_FROM=%s\\n' {path} >there/set_env.sh
cat >there/python3 <<'END'
#!/bin/sh
# python3 -m venv [--system-site-packages] DIR
for dir; do :; done
mkdir -p "$dir/bin"
printf '#!/bin/sh\\nprintf "%%s\\\\n" "$@" "index $PIP_INDEX_URL" >/opt/jobs/asked\\n' >"$dir/bin/pip"
chmod 755 "$dir/bin/pip"
END
chmod 755 there/python3
cat >Dockerfile <<'END'
FROM {base}
COPY there/set_env.sh {path}/set_env.sh
COPY there/python3 /usr/local/sbin/python3
END
DOCKER_BUILDKIT=0 docker build -q -t stand-in/cann:1 . 2>/dev/null
"""


@pytest.fixture(params=["old", "new"])
def stand_in(bed, request):
    """A base image with set_env.sh at the old place or the new one, on h1."""
    bed.exec("h1", STAND_IN.format(base=SMALL, path=SET_ENV[request.param]))
    yield SET_ENV[request.param]
    bed.exec("h1", "docker rmi -f mine/ascend:1 stand-in/cann:1; docker image prune -f", check=False)


def test_the_ascend_image(place, bed, stand_in):
    place.patience = 240.0  # fifteen steps, each in a container of its own
    words = ["image", "build", "ascend", "-c", place.cluster, "--tag", "mine/ascend:1"]
    for argument in ("BASE=stand-in/cann:1", f"PIP_INDEX_URL={INDEX}", f"http_proxy={PROXY}"):
        words += ["--build-arg", argument]
    done = place.launcher(*words)
    assert done.returncode == 0, done.stderr
    run = "docker run --rm --network none mine/ascend:1"
    assert bed.exec("h1", f"{run} sh -c 'echo $CANN_FROM'").strip() == stand_in
    asked = bed.exec("h1", f"{run} cat /opt/jobs/asked").splitlines()
    assert "mindspore==2.7.1" in asked and f"index {INDEX}" in asked
    history = bed.exec("h1", "docker history --no-trunc mine/ascend:1; docker image inspect mine/ascend:1")
    assert "hidden" not in history and "proxy.invalid" not in history


def test_the_cpu_image_is_small_and_has_no_plug_ins(bed):
    size = int(bed.exec("h1", "docker image inspect --format '{{.Size}}' launcher/cpu:test"))
    assert size < 1_500_000_000
    find = "find /opt/jobs/lib -path '*mindspore/lib/plugin*' \\( -name '*gpu*' -o -name '*ascend*' \\)"
    assert bed.exec("h1", f'docker run --rm --network none launcher/cpu:test sh -c "{find}"') == ""
