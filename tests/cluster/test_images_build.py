"""Images built on hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.errors import ExitCode
from tests.cluster.delivered import derive_for_arm, image_id
from tests.cluster.images.golden import SMALL


def write_context(place, *lines: str) -> Path:
    directory = place.path / "my-image"
    directory.mkdir()
    (directory / "Dockerfile").write_text("\n".join(lines) + "\n")
    return directory


def build(place, *words: str | Path):
    return place.launcher("image", "build", *words, "-c", place.cluster)


def test_an_image_is_built_on_the_first_host(place, bed, image_name):
    context = write_context(place, f"FROM {SMALL}", "ARG WHO", "RUN echo hello $WHO >/greeting")
    done = build(place, context, "--tag", image_name, "--build-arg", "WHO=you")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{image_name} on h1: ") and "Step 1/3" in done.stderr
    assert image_id(bed, "h1", image_name) and not image_id(bed, "h2", image_name)
    assert bed.exec("h1", f"docker run --rm --network none {image_name} cat /greeting") == "hello you\n"


def test_a_build_that_fails_says_its_last_words(place, bed, image_name):
    context = write_context(place, f"FROM {SMALL}", "RUN echo oh no >&2 && exit 7")
    done = build(place, context, "--tag", image_name, "--on", "h2")
    assert done.returncode == ExitCode.JOB_FAILED
    assert "error: host h2: the build failed; its last words:" in done.stderr
    last = done.stderr.partition("its last words:")[2]
    assert "oh no" in last and "returned a non-zero code: 7" in last


@pytest.mark.full
def test_an_image_built_for_another_architecture_is_refused(place, bed, image_name):
    derive_for_arm(bed, "h1", image_name)
    context = write_context(place, f"FROM {image_name}", "LABEL a=b")
    done = build(place, context, "--tag", image_name)
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert f"built on h1, image {image_name} is for arm64, but h1 is amd64, h2 is amd64" in done.stderr
