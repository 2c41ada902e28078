"""A Docker that keeps its containers in a directory: what `docker` is told, and the API behind it.

As a program it stands first in PATH: `docker system dial-stdio` speaks HTTP on its input and output, other
commands answer what the launcher's scripts ask. Containers are processes that a test has started.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PLACE = "FAKE_DOCKER"
_FIELDS = re.compile(r'\{\{(?:index \.Config\.Labels "(.*?)"|\.State\.(\w+)|\.Label "(.*?)")\}\}')


class FakeDocker:
    """The state of a Docker; a test and the program share it by its directory."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.settings_file = place / "settings.json"
        self.noted = place / "noted"
        (place / "containers").mkdir(parents=True, exist_ok=True)

    def install(self, monkeypatch: Any) -> None:
        """Stand first in PATH, with a sudo beside it."""
        programs = self.place / "bin"
        programs.mkdir()
        self.put_program("docker", f'exec {sys.executable} -S "{__file__}" "$@"')
        self.put_program("sudo", '[ "$1" != -n ] || shift; FAKE_SUDO=yes exec "$@"')
        monkeypatch.setenv(PLACE, str(self.place))
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def put_program(self, name: str, text: str) -> None:
        """A program that stands before all others of its name."""
        (self.place / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.place / "bin" / name).chmod(0o755)

    def set(self, **settings: Any) -> None:
        """What it is like: refusal, needs_sudo, another_without_sudo, deaf, keeps, code; api, arch, images,
        runtimes, security, version.
        """
        self.settings_file.write_text(json.dumps({**self.settings(), **settings}))

    def settings(self) -> dict[str, Any]:
        """As last set."""
        with suppress(FileNotFoundError):
            return dict(json.loads(self.settings_file.read_text()))
        return {}

    def add(self, name: str, labels: dict[str, str], pid: int = 0, **state: Any) -> str:
        """A container; gives its id."""
        key = f"{len(list((self.place / 'containers').iterdir())) + 1:064x}"
        status = "running" if pid else "created"
        self.keep({"id": key, "name": name, "labels": labels, "pid": pid, "status": status, **state})
        return key

    def containers(self) -> list[dict[str, Any]]:
        """All of them; one whose process has ended has exited."""
        found = [json.loads(path.read_text()) for path in sorted((self.place / "containers").iterdir())]
        for each in found:
            if each["status"] == "running" and not _lives(each["pid"]):
                each |= {"status": "exited", "pid": 0, "code": each.get("code", 137)}
                self.keep(each)
        return found

    def keep(self, container: dict[str, Any]) -> None:
        """Write the state of a container."""
        (self.place / "containers" / container["id"]).write_text(json.dumps(container))

    def note(self, *words: Any) -> None:
        """Remember what was asked."""
        with open(self.noted, "a") as file:
            file.write(json.dumps(words) + "\n")

    def asked(self, *first: str) -> list[Any]:
        """What was asked that begins so."""
        lines = self.noted.read_text().splitlines() if self.noted.exists() else []
        return [call for call in map(json.loads, lines) if call[: len(first)] == list(first)]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


# ---- the command line


def command(docker: FakeDocker, words: list[str]) -> int:
    """Answer a command; its exit code."""
    settings = docker.settings()
    if settings.get("needs_sudo") and not os.environ.get("FAKE_SUDO"):
        print("permission denied while trying to connect to the Docker daemon socket", file=sys.stderr)
        return 1
    if refusal := settings.get("refusal"):
        print(refusal, file=sys.stderr)
        return 1
    if settings.get("another_without_sudo") and not os.environ.get("FAKE_SUDO"):
        return 0  # it has no containers
    docker.note(*words)
    if words[:2] == ["system", "dial-stdio"]:
        docker.note("fence", os.environ.get("LAUNCHER_FENCE"))
        serve(docker)
        return 0
    name, rest = words[0], words[1:]
    return {"ps": _ps, "inspect": _inspect, "kill": _kill, "rm": _rm, "logs": _logs}.get(name, _other)(
        docker, rest
    )


def _chosen(docker: FakeDocker, filters: list[str], *, all_too: bool) -> list[dict[str, Any]]:
    wanted = [(*text.split("=", 1), None)[:2] for text in filters]
    return [
        each
        for each in docker.containers()
        if (all_too or each["status"] == "running")
        and all(name in each["labels"] and v in (None, each["labels"][name]) for name, v in wanted)
    ]


def _ps(docker: FakeDocker, words: list[str]) -> int:
    filters = [b.removeprefix("label=") for a, b in pairwise(words) if a == "--filter"]
    for each in _chosen(docker, filters, all_too="--all" in words):
        is_short = "--no-trunc" not in words
        form = words[words.index("--format") + 1] if "--format" in words else None
        print(_formatted(form, each) if form else each["id"][: 12 if is_short else None])
    return 0


def _inspect(docker: FakeDocker, words: list[str]) -> int:
    there = {each["id"]: each for each in docker.containers()}
    for key in words[2:]:
        print(_formatted(words[1], there[key]) if key in there else "")
    return 0 if set(words[2:]) <= set(there) else 1


def _formatted(form: str, each: dict[str, Any]) -> str:
    state = {
        "Pid": each.get("shown_pid", each["pid"]),
        "Status": each["status"],
        "ExitCode": each.get("code", 0),
        "OOMKilled": str(each.get("oom", False)).lower(),
    }
    return _FIELDS.sub(
        lambda match: str(state[match[2]]) if match[2] else each["labels"].get(match[1] or match[3], ""), form
    )


def _kill(docker: FakeDocker, words: list[str]) -> int:
    name = words[words.index("--signal") + 1] if "--signal" in words else "KILL"
    running = [each for each in docker.containers() if each["status"] == "running"]
    for each in running:
        if each["id"] in words and not each.get("stubborn"):
            with suppress(ProcessLookupError):
                os.kill(each["pid"], signal.Signals[f"SIG{name}"])
            if name == "KILL":
                docker.keep({**each, "status": "exited", "code": 137, "pid": 0})
    wanted = [word for word in words if word not in ("--signal", name)]
    return 0 if set(wanted) <= {each["id"] for each in running} else 1


def _rm(docker: FakeDocker, words: list[str]) -> int:
    """Whether it is `--force` that a running one goes, and that one that is not there is no error."""
    forced, failed = "--force" in words, bool(docker.settings().get("keeps"))
    there = {each["id"]: each for each in docker.containers()}
    for key in (word for word in words if not word.startswith("--")):
        if key in there and (forced or there[key]["status"] != "running"):
            (docker.place / "containers" / key).unlink()
        else:
            failed |= not forced
    return int(failed)


def _logs(docker: FakeDocker, words: list[str]) -> int:
    found = [each for each in docker.containers() if each["id"] == words[-1]]
    if refusal := next((each["no_logs"] for each in found if "no_logs" in each), None):
        print(refusal, file=sys.stderr)
        return 1
    print("\n".join(each.get("said", "") for each in found))
    return 0 if found else 1


def _other(docker: FakeDocker, words: list[str]) -> int:
    return int(docker.settings().get("code", 0))


# ---- the API


def serve(docker: FakeDocker) -> None:
    """Answer requests until the input ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while first := source.readline():
        method, target, _ = first.decode().split(" ")
        length = 0
        while (line := source.readline()).strip():
            name, _, value = line.decode().partition(":")
            length = int(value) if name.lower() == "content-length" else length
        body = json.loads(source.read(length)) if length else None
        docker.note(method, target, body)
        if docker.settings().get("deaf"):
            continue
        code, answer = _answer(docker, method, target, body)
        text = b"" if answer is None else json.dumps(answer).encode()
        settings = docker.settings()
        head = ["Content-Type: application/json", f"Content-Length: {len(text)}"]
        if not settings.get("silent"):
            head.append(f"Api-Version: {settings.get('api', '1.41')}")
        sink.write("\r\n".join([f"HTTP/1.1 {code} X", *head, "\r\n"]).encode() + text)
        sink.flush()


def _answer(docker: FakeDocker, method: str, target: str, body: Any) -> tuple[int, Any]:
    url = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
    path = re.sub(r"^/v[0-9.]+", "", url.path)
    settings = docker.settings()
    if path == "/_ping":
        return 200, None
    if path == "/version":
        version, arch = settings.get("version", "27.1.1"), settings.get("arch", "arm64")
        return 200, {"ApiVersion": settings.get("api", "1.41"), "Arch": arch, "Version": version}
    if path == "/info":
        runtimes = {name: {} for name in settings.get("runtimes", ["runc"])}
        arch = {"arm64": "aarch64", "amd64": "x86_64"}[settings.get("arch", "arm64")]
        about = {"ServerVersion": settings.get("version", "27.1.1"), "Architecture": arch}
        security = settings.get("security", ["name=seccomp"])
        return 200, {**about, "Runtimes": runtimes, "SecurityOptions": security}
    if path.startswith("/images/"):
        name = unquote(path.removeprefix("/images/").removesuffix("/json"))
        arch = settings.get("images", {}).get(name)
        return (200, {"Architecture": arch}) if arch else (404, {"message": f"No such image: {name}"})
    if path == "/containers/json":
        labels = json.loads(query.get("filters", "{}")).get("label", [])
        found = _chosen(docker, labels, all_too=query.get("all") == "1")
        return 200, [{"Id": each["id"], "Names": [f"/{each['name']}"]} for each in found]
    if path == "/containers/create":
        if any(each["name"] == query["name"] for each in docker.containers()):
            return 409, {"message": f"The container name {query['name']} is already in use"}
        return 201, {"Id": docker.add(query["name"], body["Labels"]), "Warnings": []}
    return _of_container(docker, method, path)


def _of_container(docker: FakeDocker, method: str, path: str) -> tuple[int, Any]:
    key, _, action = path.removeprefix("/containers/").rpartition("/")
    for each in docker.containers():
        if unquote(key) in (each["id"], each["name"]):
            if action == "start":
                is_new = each["status"] != "running"
                docker.keep({**each, "status": "running", "pid": 1})
                return (204, None) if is_new else (304, None)
            usual = {"Privileged": False, "Devices": None, "Runtime": "runc"}
            told = {
                "HostConfig": {**usual, **each.get("host_config", {})},
                "Config": {"Env": each.get("env")},
            }
            return 200, {"Name": f"/{each['name']}", **told}
    return 404, {"message": f"No such container: {unquote(key)}"}


if __name__ == "__main__":
    sys.exit(command(FakeDocker(Path(os.environ[PLACE])), sys.argv[1:]))
