from launcher.cli.plan_text import describe
from launcher.plan.build import plan
from launcher.plan.model import Binding, Owner
from launcher.spec.load import load


def test_a_bound_plan_has_no_placeholders_to_explain(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "{schema: 1, name: here, device: cpu, runtime: process, devices: 0-7, hosts: [{address: localhost}]}",
        "utf-8",
    )
    (tmp_path / "j.yaml").write_text('{schema: 1, name: work, ranks: 2, command: ["true"]}', "utf-8")
    binding = Binding(
        run_id="work-20260101-0a1b2c",
        attempt="1",
        scheduler_port="20123",
        owners={"localhost": Owner(uid="501", gid="20")},
    )

    lines = list(describe(plan(load(tmp_path / "c.yaml", tmp_path / "j.yaml", environ={}), binding)))

    assert not any("run fills in" in line or "@" in line for line in lines)
    assert "  MS_SCHED_PORT=20123" in lines
