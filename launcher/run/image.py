"""The phase `image`: hosts that lack the image of a job are given it before containers are made."""

from __future__ import annotations

from launcher.plan.model import Plan
from launcher.run.ground import Ground
from launcher.run.heartbeat import Heartbeat


def deliver_image(ground: Ground, plan: Plan, heartbeat: Heartbeat) -> None:
    """Nothing where it is on all hosts already, or ranks are processes.

    Raises CheckFailed where it cannot be had, RemoteError, HostError, Fenced, Cancelled.
    """
    image = ground.spec.job.image
    if plan.runtime == "process" or image is None:
        return
    from launcher.images.deliver import deliver
    from launcher.images.order import Order
    from launcher.images.post import Site

    addresses = {host.label: host.host_ip for host in ground.spec.cluster.hosts}

    def stop() -> None:
        heartbeat.check()
        ground.stop_if_cancelled()

    with ground.course.phase("image", plan.binding.attempt):
        deliver(
            Order(
                image=image,
                hosts=ground.hosts,
                sites={
                    part.label: Site(part.work_dir, part.sudo, addresses[part.label]) for part in plan.hosts
                },
                registry=ground.spec.cluster.registry,
                tell=lambda words: ground.course.events.write("image", message=words),
                stop=stop,
            )
        )
