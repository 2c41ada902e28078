import pytest

from launcher.spec.plain import Plain, plain_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-5", -5),
        ("+5", 5),
        ("1.0", 1.0),
        ("1e-4", 1e-4),
        (".5", 0.5),
        ("1.5E+3", 1500.0),
        ("true", True),
        ("FALSE", False),
        ("word", "word"),
        ("1.2.3", "1.2.3"),
        ("2026-01-01", "2026-01-01"),
        ("node1", "node1"),
        ("yesterday", "yesterday"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_decimal_numbers_and_truth(text: str, value: object) -> None:
    got = plain_value(Plain(text))
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "No",
        "on",
        "OFF",
        "y",
        "017",
        "0o17",
        "0x1F",
        "0b1",
        "12:30",
        "1:2:3.5",
        "1_000",
        "1_0.5",
        ".inf",
        "-.Inf",
        ".nan",
    ],
)
def test_what_yaml_versions_read_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="versions of YAML read this"):
        plain_value(Plain(text))
    assert plain_value(text) == text  # in quotes
