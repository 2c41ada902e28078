import pytest

from launcher.spec.plain import Plain
from launcher.spec.scalars import (
    parse_duration,
    parse_numbers,
    parse_parameter,
    parse_ranks,
    parse_size,
    with_tag,
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(90, 90), ("90", 90), ("1.5m", 90), ("8h", 28800), ("2 d", 172800), ("0s", 0), (0.5, 0.5)],
)
def test_durations(value: object, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize("value", ["", "1x", "-1s", "h", "12:30", "1e3", True, None, ["1s"], "1s\n", "nan"])
def test_what_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (1000, 1000),
        ("500MB", 500_000_000),
        ("2GiB", 2 << 30),
        ("1.5 kB", 1500),
        ("10B", 10),
        ("1T", 10**12),
        ("1Ti", 1 << 40),
    ],
)
def test_sizes(value: object, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize("value", ["", "MB", "-1", "1 XB", False, None, "1_000"])
def test_what_is_no_size(value: object) -> None:
    with pytest.raises(ValueError, match="expected a size such as"):
        parse_size(value)


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ("0-3,6", (0, 1, 2, 3, 6)),
        ([0, Plain("4"), "6-7"], (0, 4, 6, 7)),
        (5, (5,)),
        (" 3 , 1 ", (3, 1)),
        ([], ()),
    ],
)
def test_numbers(value: object, numbers: tuple[int, ...]) -> None:
    assert parse_numbers(value) == numbers


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("3-1", "not an ascending range of numbers"),
        ("0-99999999", "not an ascending range of numbers"),
        ("1,1", "given more than once: 1"),
        ("0-2,1-3", "given more than once: 1, 2"),
        ("01", "expected numbers such as 0-3,6 or a list"),
        ("-1", "expected numbers such as 0-3,6 or a list"),
        ("", "expected numbers such as 0-3,6 or a list"),
        (True, "expected numbers such as 0-3,6 or a list"),
        ([True], "expected numbers such as 0-3,6 or a list"),
        ({}, "expected numbers such as 0-3,6 or a list"),
        (1.5, "expected numbers such as 0-3,6 or a list"),
    ],
)
def test_what_are_no_numbers(value: object, message: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_numbers(value)
    assert str(error.value) == message


@pytest.mark.parametrize("value", [0, -1, True, "8", 1.5, None, Plain("ALL"), Plain("true"), Plain("8.0")])
def test_what_is_no_count_of_ranks(value: object) -> None:
    with pytest.raises(ValueError, match="expected a whole number of at least 1, or all"):
        parse_ranks(value)


def test_parameters_keep_their_types() -> None:
    values = [Plain("1"), Plain("1e-4"), Plain("true"), "1", Plain("a"), 2]
    parsed = parse_parameter(values)
    assert parsed == (1, 1e-4, True, "1", "a", 2)
    assert [type(each) for each in parsed] == [int, float, bool, str, str, int]


@pytest.mark.parametrize("value", [None, {}, [[1]], [None], object()])
def test_what_is_no_parameter(value: object) -> None:
    with pytest.raises(ValueError, match="expected text, a number, true or false, or a list of them"):
        parse_parameter(value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("train", "train:latest"),
        ("registry.example.org:5000/train", "registry.example.org:5000/train:latest"),
        ("registry.example.org:5000/train:1.4", "registry.example.org:5000/train:1.4"),
        ("train@sha256:" + "0" * 64, "train@sha256:" + "0" * 64),
    ],
)
def test_an_image_without_a_tag_is_its_latest(name: str, meant: str) -> None:
    assert with_tag(name) == meant
