"""Plays of Ansible that make the same containers as the launcher."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from launcher.plan.model import Container

COMMAND = {"command": "{{ item }}"}
"""The task whose items are command lines."""
MODULE = {"community.docker.docker_container": "{{ item }}"}
"""The task whose items are `options_of` containers."""


def play(
    directory: Path,
    ssh_config: Path,
    task: dict[str, Any],
    items: list[tuple[str, Any]],
    settings: dict[str, str],
) -> float:
    """Seconds of a play that does a task with each of the items of a host, over cold connections.

    `items` are pairs of host and item, `settings` environment variables. Raises RuntimeError with its words.
    """
    of_host: dict[str, list[Any]] = {}
    for host, item in items:
        of_host.setdefault(host, []).append(item)
    inventory = {"all": {"hosts": {host: {"containers": each} for host, each in of_host.items()}}}
    (directory / "inventory.yaml").write_text(yaml.safe_dump(inventory))
    tasks = [{**task, "loop": "{{ containers }}"}]
    plays = [{"hosts": "all", "gather_facts": False, "remote_user": "root", "tasks": tasks}]
    (directory / "play.yaml").write_text(yaml.safe_dump(plays))
    environ = {
        **os.environ,
        **settings,
        "ANSIBLE_SSH_ARGS": f"-F {ssh_config} -o ControlMaster=auto -o ControlPersist=60",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory / "cp"),
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
    }
    words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventory.yaml", "play.yaml"]
    began = time.monotonic()
    done = subprocess.run(words, cwd=directory, env=environ, capture_output=True, text=True)
    seconds = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    _hang_up(directory / "cp")
    return seconds


def _hang_up(sockets: Path) -> None:
    for socket in sockets.glob("*"):
        words = ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "x"]
        subprocess.run(words, check=False, capture_output=True)
    shutil.rmtree(sockets, ignore_errors=True)


def options_of(spec: Container, *, name: str) -> dict[str, Any]:
    """A container as the options of Ansible's module."""
    return {
        "name": name,
        "image": spec.image,
        "pull": "never",
        "hostname": spec.hostname,
        "user": spec.user,
        "groups": list(spec.groups),
        "network_mode": spec.network,
        "ipc_mode": spec.ipc,
        "init": spec.init,
        "security_opts": list(spec.security),
        "ulimits": [limit.replace("=", ":") for limit in spec.ulimits],
        "devices": list(spec.devices),
        "mounts": [
            {"type": "bind", "source": each.source, "target": each.target, "read_only": each.read_only}
            for each in spec.mounts
        ],
        "env": dict(spec.environment),
        "labels": dict(spec.labels),
        "entrypoint": [spec.command[0]],
        "command": list(spec.command[1:]),
        "command_handling": "correct",
    }
