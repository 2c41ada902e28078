import json
from dataclasses import replace
from hashlib import sha256

import pytest

from launcher.errors import ExitCode, UsageError
from launcher.plan import store


@pytest.fixture(params=[False, True], ids=["processes", "containers"])
def made(request, plans):
    return plans.plan({"secrets": ["TOKEN"], "volumes": {"output": {}}}, ascend=request.param)


def test_a_stored_plan_is_the_same_plan(made):
    text = store.to_json(made)

    assert store.from_json(text, "plan.json") == made
    assert store.to_json(store.from_json(text, "plan.json")) == text


def test_the_digest_is_of_everything_else(made):
    stored = json.loads(store.to_json(made))

    unsigned = store.to_json(replace(made, digest=""))
    assert made.digest == sha256(unsigned).hexdigest()
    assert stored["digest"] == made.digest
    assert store.signed(replace(made, ranks=made.ranks + 1))[0].digest != made.digest


def test_a_signed_plan_comes_with_its_json(made):
    assert store.signed(replace(made, digest="")) == store.signed(made) == (made, store.to_json(made))


def test_the_copy_of_a_host_lacks_only_the_scripts(made):
    copy = store.from_json(store.to_json_of_hosts(made), "plan.json")

    assert [part.files for part in copy.hosts] == [()] * len(made.hosts)
    whole = tuple(replace(part, files=own.files) for part, own in zip(copy.hosts, made.hosts, strict=True))
    assert replace(copy, hosts=whole) == made


def test_keys_of_later_releases_are_ignored(made):
    stored = json.loads(store.to_json(made)) | {"later": [1]}
    stored["hosts"][0]["later"] = {}

    assert store.from_json(json.dumps(stored).encode(), "plan.json") == made


@pytest.mark.parametrize("more", [{}, {"hosts": None, "members": "other"}])
def test_a_newer_schema_is_refused_by_name(made, more):
    stored = json.loads(store.to_json(made)) | {"schema": 2} | more

    with pytest.raises(UsageError, match=r"old/plan.json: schema 2, this launcher reads up to 1") as caught:
        store.from_json(json.dumps(stored).encode(), "old/plan.json")
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.hint


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"schema": "x"}', b'{"schema": 1', b"\xff"])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(UsageError, match=r"plan.json: not a plan"):
        store.from_json(text, "plan.json")


def test_files_are_the_whole_plan(made, tmp_path):
    directory = tmp_path / "new" / "out"

    count = store.write_files(made, directory)

    written = {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }
    assert len(written) == count
    assert written.pop("plan.json") == store.to_json(made) + b"\n"
    texts = {name: text.encode() for host in made.hosts for name, text in made.files_of(host).items()}
    assert written == texts


def test_files_of_an_older_plan_go(plans, tmp_path):
    directory = tmp_path / "out"
    store.write_files(plans.plan({"ranks": 8}, ascend=True), directory)
    (directory / "notes.txt").write_text("mine", "utf-8")

    store.write_files(plans.plan({"ranks": 2}), directory)

    left = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    assert left == {
        "plan.json",
        "notes.txt",
        "scripts/scheduler.sh",
        "scripts/rank-0.sh",
        "scripts/rank-1.sh",
        "scripts/host-localhost.sh",
    }


def test_a_directory_that_holds_something_else_is_left_alone(made, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine", "utf-8")

    with pytest.raises(UsageError, match="is not empty, and holds no plan") as caught:
        store.write_files(made, tmp_path)
    assert caught.value.hint
    assert not (tmp_path / "scripts").exists()


def test_a_file_is_no_directory(made, tmp_path):
    path = tmp_path / "out"
    path.write_text("mine", "utf-8")

    with pytest.raises(UsageError, match="is no directory"):
        store.write_files(made, path)
    assert path.read_text("utf-8") == "mine"


def test_after_a_kill_at_any_write_the_next_command_goes_on(made, tmp_path, monkeypatch):
    write = store.write_atomically
    total = store.write_files(made, tmp_path / "whole")
    for survived in range(total):
        directory = tmp_path / f"out{survived}"
        left = iter(range(survived))

        def until_killed(path, content, left=left):
            if next(left, None) is None:
                path.with_name(f".{path.name}.1.tmp").write_text("half", "utf-8")
                raise KeyboardInterrupt
            write(path, content)

        monkeypatch.setattr(store, "write_atomically", until_killed)
        with pytest.raises(KeyboardInterrupt):
            store.write_files(made, directory)
        monkeypatch.setattr(store, "write_atomically", write)
        assert store.write_files(made, directory) == total
        assert (directory / "plan.json").read_bytes() == (tmp_path / "whole/plan.json").read_bytes()
