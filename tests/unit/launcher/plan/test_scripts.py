import json
import subprocess
from pathlib import Path

import pytest
from markupsafe import escape

from launcher.plan.scripts import Renderer, ScriptError, quote

SHOW = "show() { printf '%s\\0' \"$@\"; }\n"


def run(script: str, directory: Path) -> list[str]:
    """The words that a script hands to `show`."""
    done = subprocess.run(["/bin/sh", "-c", SHOW + script], cwd=directory, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert list(directory.iterdir()) == []
    return done.stdout.decode("utf-8").split("\0")[:-1]


def render(text: str, **values: object) -> str:
    return Renderer({"t": text}).render("t", values)


def test_values_arrive_as_data(hostile, tmp_path):
    script = render("show {{ value }} --x={{ value }} {{ words }}", value=hostile, words=(hostile, "end"))

    assert run(script, tmp_path) == [hostile, f"--x={hostile}", hostile, "end"]


def test_values_arrive_through_every_construct_of_jinja(hostile, tmp_path):
    base = "show {% block words %}{{ value }}{% endblock %}"
    child = (
        '{% extends "base" %}'
        "{% macro option(x) %}--m={{ x }}{% endmacro %}"
        "{% block words %}{{ super() }} {{ option(value) }} {% set kept %}{{ value }}{% endset %}{{ kept }} "
        '{% filter trim %}{{ value }}{% endfilter %} {{ value ~ "!" }} {% include "part" %}{% endblock %}'
    )
    renderer = Renderer({"base": base, "child": child, "part": "{{ value }}"})

    words = run(renderer.render("child", {"value": hostile}), tmp_path)

    assert words[:3] == [hostile, f"--m={hostile}", hostile]
    assert words[-2:] == [hostile + "!", hostile]


@pytest.mark.parametrize("name", ["safe", "string", "join"])
def test_filters_that_mark_text_as_safe_change_nothing(hostile, tmp_path, name):
    assert run(render(f"show {{{{ value | {name} }}}}", value=hostile), tmp_path) == [hostile]


@pytest.mark.parametrize("name", ["e", "escape", "forceescape"])
def test_filters_for_html_are_no_way_around_the_quotes(hostile, tmp_path, name):
    assert run(render(f"show {{{{ value | {name} }}}}", value=hostile), tmp_path) == [str(escape(hostile))]


def test_json_is_one_word(hostile, tmp_path):
    (word,) = run(render("show {{ value | tojson }}", value={"a": [hostile]}), tmp_path)

    assert json.loads(word) == {"a": [hostile]}


def test_exports_are_lines_of_shell(hostile, tmp_path):
    script = render('{{ pairs | exports }}\nshow "$A" "$B"', pairs=(("A", hostile), ("B", "b")))

    assert run(script, tmp_path) == [hostile, "b"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (-0.5, "-0.5"),
        ((), ""),
        (("a b", 1, True), "'a b' 1 true"),
        (["x", ["y", "z w"]], "x y 'z w'"),
        ("", "''"),
    ],
)
def test_spelling_of_values(value, words):
    assert quote(value) == words
    assert render("{{ value }}", value=value) == words


@pytest.mark.parametrize("value", [None, {"a": 1}, object()])
def test_what_is_no_word_is_refused(value):
    with pytest.raises(ScriptError, match="cannot be a word of a shell script") as caught:
        render("one\n{{ value }}", value=value)
    assert (caught.value.template, caught.value.line) == ("t", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{{ parameters.nothing }}", "has no attribute 'nothing'"),
        ("{% if nothing %}{% endif %}", "'nothing' is undefined"),
        ("{{ 1 / parameters.zero }}", "division by zero"),
        ("{{ parameters.zero + 'x' }}", "unsupported operand"),
        ("{{ parameters['__class__'].__mro__ }}", "has no attribute|unsafe|access to attribute"),
        ("{{ lipsum() }}", "'lipsum' is undefined"),
        ("{{ [1, 2] | random }}", "No filter named 'random'"),
        ("{% if %}", "Expected an expression"),
    ],
)
def test_an_error_names_template_and_line(text, message):
    renderer = Renderer(
        {
            "base": "{% block b %}{% endblock %}",
            "own": '{% extends "base" %}\n\n{% block b %}\n' + text + "\n{% endblock %}",
        }
    )

    with pytest.raises(ScriptError, match=message) as caught:
        renderer.render("own", {"parameters": {"zero": 0}})
    assert (caught.value.template, caught.value.line) == ("own", 4)


def test_an_error_in_a_parent_is_placed_there():
    renderer = Renderer({"base": "1\n2\n{{ gone }}", "own": '{% extends "base" %}'})

    with pytest.raises(ScriptError) as caught:
        renderer.render("own", {})
    assert (caught.value.template, caught.value.line) == ("base", 3)


def test_a_template_that_is_not_there():
    with pytest.raises(ScriptError, match="t2"):
        Renderer({"t": '{% include "t2" %}'}).render("t", {})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('echo "{{ x }}"', 1),
        ("echo '{{ x }}'", 1),
        ('a\n"b" "c {{ x }}"', 2),
        ("# {{ x }}", 1),
        ("echo a # b {{ x }}", 1),
        ('echo "$(date) {{ x }}"', 1),
        ('echo "${a:-b}{{ x }}"', 1),
        ('echo "\\"{{ x }}"', 1),
        ('echo "`date`{{ x }}"', 1),
        ("f() { echo; }\n'{{ x }}'", 2),
    ],
)
def test_a_value_inside_quotes_or_a_comment_is_refused(text, line):
    with pytest.raises(ScriptError, match="a value inside quotes") as caught:
        render(text, x="$(touch hacked)")
    assert caught.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        "echo {{ x }}",
        'echo "a"{{ x }}"b"',
        "echo 'it'\\''s' {{ x }}",
        'echo "$(cat {{ x }})"',
        'echo "$(cat "$a" {{ x }})"',
        "echo $# {{ x }} a#b {{ x }}",
        "# it's a comment\necho {{ x }}",
        'echo \\" {{ x }}',
        "a=$((1 + (2))) {{ x }}",
        'echo "$((1 + 2))" {{ x }}',
        "case $x in a) echo ;; esac; echo {{ x }}",
        "set -- ${line##*) } && echo {{ x }}",
        "`cat {{ x }}`",
        "( echo {{ x }} )",
        'echo "it\'s" {{ x }}',
    ],
)
def test_a_value_outside_of_quotes_is_taken(text):
    assert "'$(touch hacked)'" in render(text, x="$(touch hacked)")


def test_templates_are_compiled_once(monkeypatch):
    renderer = Renderer({"t": "{{ x }}"})
    compiled = []
    compile_ = renderer._environment.compile
    monkeypatch.setattr(
        renderer._environment, "compile", lambda *a, **k: compiled.append(a) or compile_(*a, **k)
    )

    texts = [renderer.render("t", {"x": number}) for number in range(5)]

    assert texts == ["0", "1", "2", "3", "4"]
    assert len(compiled) == 1
