import pytest

PARTS = """\
script:
  template: rank.sh.j2
  parameters: {steps: 100, rate: 1e-4}
volumes: {dataset: {source: /data, read_only: true}}
image: i
on_cpu:
  ranks: 2
  script: {parameters: {steps: 5}}
  volumes: {dataset: {source: /sample}}
  image: null
"""
JOB = "schema: 1\nname: gd\nranks: 8\n" + PARTS


def test_it_is_merged_deeply_on_cpu(files) -> None:
    job = files.load(job=JOB).job
    assert (job.ranks, job.image, job.on_cpu) == (2, None, {})
    assert job.script.parameters == {"steps": 5, "rate": 1e-4}
    assert (job.volumes["dataset"].source, job.volumes["dataset"].read_only) == ("/sample", True)


def test_elsewhere_it_does_nothing(files) -> None:
    job = files.load(job=JOB, cluster=files.ascend).job
    assert (job.ranks, job.image, job.on_cpu, job.script.parameters["steps"]) == (8, "i:latest", {}, 100)


def test_overrides_win(files) -> None:
    job = files.load("ranks=3", "script.parameters.steps=7", "on_cpu.volumes={}", job=JOB).job
    assert (job.ranks, job.script.parameters["steps"], job.volumes["dataset"].source) == (3, 7, "/data")


def test_what_it_gives_may_be_absent_above(files) -> None:
    assert files.load(job=JOB.replace("ranks: 8\n", "")).job.ranks == 2


@pytest.mark.parametrize("cluster", ["cluster", "ascend"])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rank: 1", '14:3: unknown key "rank"; did you mean "ranks"?'),
        ("timeouts: {rnu: 1}", '14:14: unknown key "rnu"; did you mean "run"?'),
        ("timeouts: {run: x}", '14:19: expected a duration such as 90s, 10m, 8h or 2d, got "x"'),
        ("on_cpu: {}", '14:3: unknown key "on_cpu"'),
        ("command: [a]", "1:1: give either `script` or `command`"),
    ],
)
def test_faults_in_it_are_told_on_any_cluster(files, cluster: str, line: str, message: str) -> None:
    assert files.problems(job=JOB, more=f"  {line}\n", cluster=getattr(files, cluster)) == [
        f"job.yaml:{message}"
    ]


def test_the_place_of_the_value_that_won(files) -> None:
    spec = files.load("script.parameters.rate=2", job=JOB)
    assert str(spec.problem("job", ("ranks",), "!")) == "job.yaml:10:10: !"
    assert str(spec.problem("job", ("script", "parameters", "steps"), "!")) == "job.yaml:11:32: !"
    assert str(spec.problem("job", ("script", "parameters", "rate"), "!")) == (
        "--set 'script.parameters.rate=2': !"
    )
    assert str(spec.problem("job", ("script", "template"), "!")) == "job.yaml:5:13: !"
