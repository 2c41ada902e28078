"""Ranks as containers of a host."""

from __future__ import annotations

from typing import Any

import tenacity
from docker import APIClient
from docker.types import Mount, Ulimit

from launcher.errors import StartFailed
from launcher.hosts import DockerSilent, Host, RemoteError, Stream
from launcher.hosts.engine import Engine
from launcher.hosts.fence import checked
from launcher.plan.model import Container, HostPlan, Plan
from launcher.remote import script

_LOOK = "0.2"
_STOP_TIMEOUT = 60.0
_REMOVE_TIMEOUT = 120.0
PATIENCE, PAUSE = 60.0, 1.0
"""Seconds for which a Docker that does not answer, as in a restart, is asked again; seconds between."""


class ContainerRuntime:
    """Makes and starts containers by Docker's API, and knows them by their labels."""

    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}
        """Between create and start, by host label: a connection costs a host more than a request."""

    def create(self, host: Host, plan: Plan, part: HostPlan, epoch: int) -> None:
        opened = _engine(host, plan, part, epoch)
        try:
            with opened.use() as api:
                there = _names(api, plan)
                for container in _containers(plan, part):
                    if container.name not in there:
                        _create(api, container)
        except BaseException:
            opened.close()
            raise
        self._drop(host.label)
        self._engines[host.label] = opened

    def start(self, host: Host, plan: Plan, part: HostPlan, epoch: int) -> None:
        opened = self._engines.pop(host.label, None) or _engine(host, plan, part, epoch)
        try:
            with opened.use() as api:
                for container in _containers(plan, part):
                    api.start(container.name)
        except RemoteError as error:
            raise StartFailed(str(error), hint=error.hint) from error
        finally:
            opened.close()

    def watch(self, host: Host, plan: Plan, part: HostPlan) -> Stream:
        words = (
            part.sudo_word,
            f"{part.attempt_dir}/state",
            _LOOK,
            plan.binding.run_id,
            plan.binding.attempt,
        )
        return host.stream(script("watch_containers"), *words, *part.members)

    def stop(self, host: Host, plan: Plan, part: HostPlan, epoch: int, *, kill: bool) -> None:
        words = (part.sudo_word, f"{part.attempt_dir}/state", plan.binding.run_id, plan.binding.attempt)
        signal = "KILL" if kill else "TERM"
        text = script("stop_containers")
        ask = _patiently if kill else checked  # the grace is not for waiting for Docker
        ask(host, text, part.run_dir, str(epoch), *words, signal, timeout=_STOP_TIMEOUT)

    def close(self) -> None:
        for label in list(self._engines):
            self._drop(label)

    def _drop(self, label: str) -> None:
        if (opened := self._engines.pop(label, None)) is not None:
            opened.close()

    def remove(self, host: Host, plan: Plan, part: HostPlan, epoch: int) -> None:
        words = (part.run_dir, str(epoch), part.sudo_word, plan.binding.run_id)
        _patiently(host, script("remove_containers"), *words, timeout=_REMOVE_TIMEOUT)


def _patiently(host: Host, text: str, *words: str, timeout: float) -> None:
    """Run a script that needs Docker, again while Docker does not answer."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(DockerSilent),
        stop=tenacity.stop_after_delay(PATIENCE),
        wait=tenacity.wait_fixed(PAUSE),
        reraise=True,
    )
    retrying(checked, host, text, *words, timeout=timeout)


def _engine(host: Host, plan: Plan, part: HostPlan, epoch: int) -> Engine:
    fence = part.run_dir, epoch
    return Engine(host, fence=fence, sudo=part.sudo, timeout=plan.policy.start_timeout)


def _containers(plan: Plan, part: HostPlan) -> list[Container]:
    members = plan.members_of(part)
    return [member.container for member in members if member.container is not None]


def _names(api: APIClient, plan: Plan) -> set[str]:
    """Containers of this attempt that are there already: a supervisor may have died while it made them."""
    labels = [f"launcher.run={plan.binding.run_id}", f"launcher.attempt={plan.binding.attempt}"]
    found = api.containers(all=True, filters={"label": labels})
    return {name.removeprefix("/") for each in found for name in each["Names"]}


def _create(api: APIClient, spec: Container) -> None:
    """What `docker_words` says in words."""
    api.create_container(
        spec.image,
        name=spec.name,
        hostname=spec.hostname,
        user=spec.user,
        entrypoint=[spec.command[0]],
        command=list(spec.command[1:]),
        environment=dict(spec.environment),
        labels=dict(spec.labels),
        host_config=_host_config(api, spec),
        use_config_proxy=False,  # the plan says all that a container gets
    )


def _host_config(api: APIClient, spec: Container) -> dict[str, Any]:
    config: dict[str, Any] = api.create_host_config(
        network_mode=spec.network,
        ipc_mode=spec.ipc,
        init=spec.init,
        security_opt=list(spec.security),
        ulimits=[_ulimit(text) for text in spec.ulimits],
        group_add=list(spec.groups),
        devices=list(spec.devices),
        mounts=[Mount(m.target, m.source, type="bind", read_only=m.read_only) for m in spec.mounts],
        runtime=spec.runtime,
    )
    return config


def _ulimit(text: str) -> Ulimit:
    """`name=soft:hard`, as `docker run --ulimit` takes it."""
    name, _, limits = text.partition("=")
    soft, _, hard = limits.partition(":")
    return Ulimit(name=name, soft=int(soft), hard=int(hard or soft))
