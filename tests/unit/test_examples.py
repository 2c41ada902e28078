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


def script_of_first_rank(job: str, *overrides: str) -> str:
    planned = plan(
        load(CLUSTERS / "example-2x8.yaml", REPOSITORY / "jobs" / job, overrides=overrides, environ={})
    )
    return dict(planned.hosts[0].files)[planned.members[0].script]


@pytest.mark.parametrize("job", ["pretraining-data.yaml", "prepare.yaml"])
def test_what_is_compiled_in_a_container_is_kept_in_its_output(job: str) -> None:
    script = script_of_first_rank(job, "image=i", "volumes.output.source=/data/out")
    assert "export TINYBERT_KERNEL_CACHE=/launcher/output/.kernels\n" in script


def test_every_host_makes_all_pretraining_data_where_that_is_asked_for() -> None:
    alone = "export RANK_ID=0 RANK_SIZE=1 "
    assert alone not in script_of_first_rank("pretraining-data.yaml", "ranks=2")
    asked = script_of_first_rank("pretraining-data.yaml", "ranks=2", "script.parameters.every_host=true")
    assert alone in asked
    assert "every" not in asked.split("exec python", 1)[1]


def test_scripts_of_a_task_say_where_training_begins() -> None:
    initial = ("volumes.initial={source: /data/bert}", "volumes.dataset.source=/d", "image=i")
    assert "--init=/launcher/initial " in script_of_first_rank("finetune.yaml", *initial)
    scratch = ("volumes.vocabulary={source: /data/vocab.txt}", "volumes.dataset.source=/d", "image=i")
    assert "--from-scratch=/launcher/vocabulary " in script_of_first_rank("finetune.yaml", *scratch)

    phase_2 = (
        "volumes.student={source: /data/td1}",
        "volumes.dataset.source=/d",
        "script.parameters.phase=2",
    )
    script = script_of_first_rank("td-sst2.yaml", *phase_2)
    assert "--student=/launcher/student " in script and "--phase=2 " in script
    script = script_of_first_rank("td-sst2.yaml", "script.parameters.from_scratch=true")
    assert "--student" not in script and "--from-scratch " in script
