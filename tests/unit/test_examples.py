"""Examples that people copy: every job fits a cluster, every rank table is what its cluster file gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from launcher.plan.build import plan
from launcher.plan.rank_tables import rank_table_of_all
from launcher.spec.load import load, load_cluster
from tests.golden_files import check_text

REPOSITORY = Path(__file__).parents[2]
CLUSTERS = REPOSITORY / "rank_tables"


@pytest.mark.parametrize("job", sorted((REPOSITORY / "jobs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_job_can_be_planned_on_this_machine(job: Path) -> None:
    assert plan(load(CLUSTERS / "local.yaml", job, environ={})).ranks >= 1


@pytest.mark.parametrize("name", ["example-2x8", "example-a3"])
def test_the_rank_table_beside_a_cluster_file_is_rendered_from_it(name: str) -> None:
    cluster = load_cluster(CLUSTERS / f"{name}.yaml", environ={})
    check_text(CLUSTERS / f"{name}.json", rank_table_of_all(cluster))
