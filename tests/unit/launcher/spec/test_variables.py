import pytest


def test_values_and_defaults(files) -> None:
    env = files.load(
        more="env:\n  A: ${X}/y\n  B: '${ABSENT:-d e}'\n  C: ${EMPTY:-d}\n  D: ${EMPTY}\n"
        "  E: $${X} $X ${ABSENT:-}\n",
        X="x",
        EMPTY="",
    ).job.env
    assert env == {"A": "x/y", "B": "d e", "C": "d", "D": "", "E": "${X} $X "}


def test_an_unquoted_number_from_a_variable_is_a_number(files) -> None:
    assert files.load(job=files.job.replace("8", "${N}"), N="4").job.ranks == 4


def test_a_quoted_one_is_text(files) -> None:
    assert files.problems(job=files.job.replace("8", '"${N}"'), N="4") == [
        'job.yaml:3:8: expected a whole number of at least 1, or all, got the value of "${N}"'
    ]


def test_an_unset_variable_has_its_place(files) -> None:
    assert files.problems(more="image: a/${TAG}\n") == [
        "job.yaml:5:8: ${TAG} is not set: export it, write ${TAG:-default}, or $${ for a literal ${"
    ]


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${A-b}", "${A", "${A B}"])
def test_a_malformed_reference(files, text: str) -> None:
    assert files.problems(more=f"image: 'a{text}'\n", A="a", B="b") == [
        "job.yaml:5:8: `${` begins no ${NAME}: write $${ for a literal ${"
    ]


def test_values_are_never_yaml(files, hostile: str) -> None:
    job = files.load(more="env: {A: '${X}', B: \"b${X}\"}\nneeds:\n  packages:\n  - ${X}\n", X=hostile).job
    assert job.env == {"A": hostile, "B": "b" + hostile}
    assert job.needs.packages == (hostile,)


def test_values_of_variables_are_not_shown(files) -> None:
    assert files.problems(more="timeouts: {run: '${SECRET}'}\n", SECRET="hunter2") == [
        'job.yaml:5:17: expected a duration such as 90s, 10m, 8h or 2d, got the value of "${SECRET}"'
    ]


def test_a_variable_that_an_override_replaces_need_not_be_set(files) -> None:
    assert files.load("image=b:1", more="image: ${ABSENT}\n").job.image == "b:1"
