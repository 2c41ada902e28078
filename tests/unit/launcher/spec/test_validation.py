import pytest

WORD = "versions of YAML read this word differently: write true or false, or put it in quotes"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rank: 3", '5:1: unknown key "rank"; did you mean "ranks"?'),
        ("zzz: 3", '5:1: unknown key "zzz"'),
        ("timeouts: {strat: 3}", '5:12: unknown key "strat"; did you mean "start"?'),
        (
            "volumes: {d: {source: /d, redonly: true}}",
            '5:27: unknown key "redonly"; did you mean "read_only"?',
        ),
        ("volumes: {source: {source: /d, tagret: /t}}", '5:32: unknown key "tagret"; did you mean "target"?'),
        ("placement: packed", '5:12: expected pack or spread, got "packed"'),
        ("cann: hots", '5:7: expected image or host, got "hots"'),
        ("devices_per_rank: 2", '5:19: expected at most 1, got "2"'),
        ("devices_per_rank: one", '5:19: expected a whole number, got "one"'),
        ('devices_per_rank: "1"', '5:19: expected a whole number, got the text "1": take the quotes away'),
        ("devices_per_rank: 1.0", '5:19: expected a whole number, got "1.0"'),
        ("devices_per_rank: true", '5:19: expected a whole number, got "true"'),
        ("devices_per_rank:", "5:1: expected a whole number, got nothing"),
        ("devices_per_rank: [1]", "5:1: expected a whole number, got a list"),
        ("restart: {max: 101}", '5:16: expected at most 100, got "101"'),
        (
            "restart: {max: 010}",
            "5:16: versions of YAML read this differently: write a plain decimal number, "
            'or put it in quotes, got "010"',
        ),
        ("volumes: {d: {source: /d, read_only: yes}}", f'5:38: {WORD}, got "yes"'),
        ("volumes: {d: {source: /d, read_only: 1}}", '5:38: expected true or false, got "1"'),
        (
            "volumes: {d: {source: /d, read_only: 'true'}}",
            '5:38: expected true or false, got the text "true": take the quotes away',
        ),
        ("volumes: {D: {source: /d}}", None),
        ("volumes: {d: /d}", '5:14: expected a mapping, got "/d"'),
        ("volumes:", "5:1: expected a mapping, got nothing"),
        ("volumes: [a]", "5:1: expected a mapping, got a list"),
        ("volumes: {d: {source: ''}}", '5:23: must not be empty, got ""'),
        ("env: {A: [1]}", "5:7: expected text, got a list"),
        ("env: {A: {}}", "5:7: expected text, got a mapping"),
        ("env: {A: }", '5:7: expected text, got nothing: write "" for empty text'),
        ("env: {A: null}", '5:7: expected text, got nothing: write "" for empty text'),
        ("env: {A B: 1}", '5:7: expected the name of an environment variable, got the key "A B"'),
        (
            'env: {A: "x\\0y"}',
            '5:10: must not hold a NUL character: no shell or system call can carry it, got "x\\u0000y"',
        ),
        ("secrets: TOKEN", '5:10: expected a list, got "TOKEN"'),
        ("secrets: [a-b]", '5:11: expected the name of an environment variable, got "a-b"'),
        ("timeouts: {run: 12:30}", '5:17: expected a duration such as 90s, 10m, 8h or 2d, got "12:30"'),
        ("timeouts: {hccl_connect: 60s}", '5:26: expected at least 120, got "60s"'),
        ("limits: {log_bytes: lots}", '5:21: expected a size such as 500MB or 2GiB, got "lots"'),
        ("on_cpu: 3", "5:9: expected a mapping of values that replace those above"),
        ("on_cpu:", "5:1: expected a mapping of values that replace those above"),
    ],
)
def test_one_fault_one_line(files, line: str, message: str | None) -> None:
    name = "a name of lower-case letters, digits and dashes, at most 40, not a dash first"
    message = message or f'5:11: expected {name}, got the key "D"'
    assert files.problems(more=line + "\n") == [f"job.yaml:{message}"]


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("schema: 1\nname: gd\ncommand: [a]\n", '1:1: missing key "ranks"'),
        ("schema: 1\nname: gd\nranks: 1\n", "1:1: give either `script` or `command`"),
        ("schema: 1\nname: gd\nranks: 1\nscript: {parameters: {}}\n", '4:1: missing key "template"'),
        (
            "schema: 1\nname: gd\nranks: 1\ncommand: []\n",
            "4:1: expected at least one entry, got an empty list",
        ),
        ("schema: 1\nname: gd\nrank: 1\ncommand: [a]\n", '3:1: unknown key "rank"; did you mean "ranks"?'),
        (
            "schema: 2\nname: gd\nranks: 1\ncommand: [a]\n",
            '1:9: schema 2 is newer than what this launcher reads, 1: update the launcher, got "2"',
        ),
        (
            "schema_version: 1\nname: gd\nranks: 1\ncommand: [a]\n",
            '1:1: unknown key "schema_version"; did you mean "schema"?',
        ),
        ("schema: x\nname: gd\nranks: 1\ncommand: [a]\n", '1:9: expected 1, got "x"'),
        (
            "schema: 1\nname: gd\nranks: 1\nscript: {template: rank.sh.j2, parameters: {x: no}}\n",
            f'4:48: {WORD}, got "no"',
        ),
        (
            "schema: 1\nname: gd\nranks: 1\nscript: {template: rank.sh.j2, parameters: {x: {}}}\n",
            "4:45: expected text, a number, true or false, or a list of them, got a mapping",
        ),
    ],
)
def test_one_fault_of_a_whole_job(files, job: str, message: str) -> None:
    assert files.problems(job=job) == [f"job.yaml:{message}"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("devices: 0-7", "devices: [0, 0]", "5:1: given more than once: 0, got a list"),
        ("- address: localhost", "- addres: x", '7:5: unknown key "addres"; did you mean "address"?'),
        ("- address: localhost", "- name: x", '7:5: missing key "address"'),
        ("- address: localhost", "- localhost", '7:5: expected a mapping, got "localhost"'),
        ("  - address: localhost", "  []", "6:1: expected at least one entry, got an empty list"),
        ("  - address: localhost", "", "6:1: expected a list, got nothing"),
        (
            "localhost",
            "localhost\n    host_ip: myhost",
            '8:14: expected a literal IPv4 or IPv6 address, got "myhost"',
        ),
        (
            "localhost",
            "localhost\n    device_ips: {0: npu0}",
            '8:21: expected a literal IPv4 or IPv6 address, got "npu0"',
        ),
        (
            "localhost",
            "localhost\n    device_ips: {01: 10.0.0.1}",
            '8:18: expected a whole number, got the key "01"',
        ),
        (
            "localhost",
            "localhost\n    name: a/b",
            '8:11: expected a host name of letters, digits, dots, dashes and underscores, got "a/b"',
        ),
        ("device: cpu", "device: gpu", '3:9: expected cpu, ascend910, ascend910b or ascend910_93, got "gpu"'),
        ("devices: 0-7", "devices: 0-7\nwork_dir: runs", '6:11: expected an absolute path, got "runs"'),
        ("devices: 0-7", "devices: 0-7\nssh: {port: 022}", None),
        ("devices: 0-7", "devices: 0-7\nssh: {port: 70000}", '6:13: expected at most 65535, got "70000"'),
    ],
)
def test_one_fault_of_the_cluster(files, old: str, new: str, message: str | None) -> None:
    octal = "versions of YAML read this differently: write a plain decimal number, or put it in quotes"
    message = message or f'6:13: {octal}, got "022"'
    assert files.problems(cluster=files.cluster.replace(old, new)) == [f"cluster.yaml:{message}"]


def test_everything_at_once_in_the_order_of_the_files(files) -> None:
    problems = files.problems(
        "imag=x",
        cluster=files.cluster.replace("name: here", "name: Here").replace("runtime", "runtiem"),
        job=files.job.replace("ranks: 8", "ranks: 0"),
        more="timeouts: {start: x, run: y}\nenv: {A: '${B}'}\n",
    )
    assert [problem.split(": ")[0] for problem in problems] == [
        "cluster.yaml:2:7",
        "cluster.yaml:4:1",
        "job.yaml:3:8",
        "job.yaml:5:19",
        "job.yaml:5:27",
        "job.yaml:6:10",
        "--set 'imag=x'",
    ]


def test_both_files_absent(files) -> None:
    from launcher.errors import SpecError
    from launcher.spec.load import load

    with pytest.raises(SpecError) as caught:
        load("c.yaml", "j.yaml", environ={})
    assert str(caught.value) == (
        "c.yaml: cannot be read: No such file or directory\nj.yaml: cannot be read: No such file or directory"
    )


def test_a_text_field_gets_what_was_written(files) -> None:
    written = ["1.10", "017", "no", "True", "12:30", "1e3", "0x1F", "2026-01-01", "1_000", "+5", ".5"]
    env = "env:\n" + "".join(f"  V{index}: {text}\n" for index, text in enumerate(written))
    assert list(files.load(more=env + "image: 1.10\n").job.env.values()) == written


def test_long_values_are_cut(files) -> None:
    (problem,) = files.problems(more=f"placement: {'x' * 5000}\n")
    assert problem == f'job.yaml:5:12: expected pack or spread, got "{"x" * 60}..."'


def test_bytes_that_are_no_text_in_a_variable(files) -> None:
    assert files.problems(more="env: {A: '${X}'}\n", X="\udcff") == [
        'job.yaml:5:10: must be valid Unicode text, got the value of "${X}"'
    ]
