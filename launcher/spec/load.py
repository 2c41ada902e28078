"""Cluster and job files to a `Spec`; everything that is wrong with them at once.

In order: read, `on_cpu`, `--set` (which therefore wins), `${VAR}`, host ranges, relative paths, the models,
the rules between keys and between the files, templates.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence

from launcher.errors import Problem, SpecError
from launcher.spec.cluster import Cluster, DeviceKind
from launcher.spec.job import Job
from launcher.spec.overrides import Override, apply, parse_overrides
from launcher.spec.paths import absolute_in_cluster, absolute_in_job, home_of
from launcher.spec.ranges import expand_hosts
from launcher.spec.rules import cluster_problems, job_problems, joint_problems
from launcher.spec.spec import Spec
from launcher.spec.templates import own_templates, read_templates
from launcher.spec.tree import Node, merge, without
from launcher.spec.validation import validate
from launcher.spec.variables import expand
from launcher.spec.yaml_text import read_file

__all__ = ["Spec", "load", "load_cluster"]

_ON_CPU = "on_cpu"


def load(
    cluster_path: str | os.PathLike[str],
    job_path: str | os.PathLike[str],
    *,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str],
) -> Spec:
    """Reads a cluster file and a job file.

    `overrides` are the texts of `--set`: `a.b=v` into the job file, `cluster.a.b=v` into the cluster file.
    Raises SpecError with every problem of both files.
    """
    files = os.fspath(cluster_path), os.fspath(job_path)
    problems: list[Problem] = []
    for_cluster, for_job = parse_overrides(overrides, problems)
    cluster, cluster_tree = _cluster(files[0], for_cluster, environ, problems)
    job, job_tree = _job(files[1], for_job, cluster, environ, problems)
    if cluster and cluster_tree and job and job_tree:
        problems += joint_problems(cluster, cluster_tree, job, job_tree)
    templates = own_templates()
    if job and job_tree and job.script:
        place = job_tree.nearest(("script", "template")).place
        templates = {**templates, **read_templates(job.script.template, place, problems)}
    _raise_any(problems, files)
    assert cluster and job and cluster_tree and job_tree
    trees = {"cluster": cluster_tree, "job": job_tree}
    return Spec(cluster, job, os.path.abspath(files[0]), os.path.abspath(files[1]), templates, trees)


def load_cluster(
    cluster_path: str | os.PathLike[str], *, overrides: Sequence[str] = (), environ: Mapping[str, str]
) -> Cluster:
    """Reads a cluster file alone; each override begins with `cluster.`. Raises SpecError."""
    file = os.fspath(cluster_path)
    problems: list[Problem] = []
    for_cluster, for_job = parse_overrides(overrides, problems)
    for override in for_job:
        problems.append(
            override.node.place.problem("no job here: a setting of the cluster begins with cluster.")
        )
    cluster, _ = _cluster(file, for_cluster, environ, problems)
    _raise_any(problems, (file,))
    assert cluster
    return cluster


def _cluster(
    path: str, overrides: Sequence[Override], environ: Mapping[str, str], problems: list[Problem]
) -> tuple[Cluster | None, Node | None]:
    tree = read_file(path, problems)
    if tree is None:
        return None, None
    tree = expand(apply(tree, overrides, problems), environ, problems)
    tree = absolute_in_cluster(expand_hosts(tree, problems), home_of(environ))
    cluster = validate(Cluster, tree, problems)
    if cluster:
        problems += cluster_problems(cluster, tree)
    return cluster, tree


def _job(
    path: str,
    overrides: Sequence[Override],
    cluster: Cluster | None,
    environ: Mapping[str, str],
    problems: list[Problem],
) -> tuple[Job | None, Node | None]:
    written = read_file(path, problems)
    if written is None:
        return None, None
    on_cpu, plain = _variants(written, overrides, problems)
    if cluster is None or cluster.device is DeviceKind.CPU:
        return _job_variant(on_cpu, cluster, environ, problems)
    _job_variant(on_cpu, None, environ, problems)  # what is wrong in `on_cpu` is said on any cluster
    return _job_variant(plain, cluster, environ, problems)


def _job_variant(
    tree: Node, cluster: Cluster | None, environ: Mapping[str, str], problems: list[Problem]
) -> tuple[Job | None, Node]:
    remote = [host.label for host in cluster.hosts if not host.is_this_machine] if cluster else []
    tree = expand(tree, environ, problems)
    tree = absolute_in_job(tree, home_of(environ), next(iter(remote), None), problems)
    job = validate(Job, tree, problems)
    if job:
        problems += job_problems(job, tree, environ)
    return job, tree


def _variants(written: Node, overrides: Sequence[Override], problems: list[Problem]) -> tuple[Node, Node]:
    """The job on a CPU cluster, and elsewhere; overrides win over `on_cpu`."""
    inside = [override for override in overrides if override.path[0] == _ON_CPU]
    others = [override for override in overrides if override.path[0] != _ON_CPU]
    written = apply(written, inside, problems)
    plain = without(written, _ON_CPU)
    section = written.child(_ON_CPU)
    merged = plain
    if section is not None and not isinstance(section.value, dict):
        problems.append(section.start.problem("expected a mapping of values that replace those above"))
    elif section is not None:
        if nested := section.child(_ON_CPU):
            problems.append((nested.key or nested.place).problem(f'unknown key "{_ON_CPU}"'))
        merged = without(merge(plain, section), _ON_CPU)
    return apply(merged, others, problems), apply(plain, others, problems)


def _raise_any(problems: list[Problem], files: Sequence[str]) -> None:
    if not problems:
        return
    order = {name: index for index, name in enumerate(files)}
    unique = dict.fromkeys(problems)
    raise SpecError(
        sorted(
            unique, key=lambda each: (order.get(each.source, len(order)), each.source, each.line, each.column)
        )
    )
