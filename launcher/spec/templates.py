"""The template of a job's script and all templates that it extends, includes or imports."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from launcher.errors import Problem
from launcher.spec.tree import Place
from launcher.spec.yaml_text import read_text

_PACKAGE = FilePath(__file__).resolve().parents[1]
_OWN = ("rank.sh.j2", "host-process.sh.j2", "host-docker.sh.j2")
_REFERENCES = (nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)


def launcher_templates() -> str:
    """The directory of the launcher's own templates: in the package, or beside it in the repository."""
    packaged = _PACKAGE / "templates"
    return str(packaged if packaged.is_dir() else _PACKAGE.parent / "templates")


def own_templates() -> Mapping[str, str]:
    """What every job needs besides its script: the scripts of hosts, the rank script of a `command`."""
    directory = FilePath(launcher_templates())
    return {name: (directory / name).read_text("utf-8") for name in _OWN}


def read_templates(name: str, place: Place, problems: list[Problem]) -> Mapping[str, str]:
    """The text of the template `name`, which was written at `place`, and of those that it needs, by name.

    Each is looked for beside the job file, then among the launcher's templates.
    """
    found: dict[str, str] = {}
    reader = _Reader((_shown_directory(place), launcher_templates()), found, problems)
    if not reader.read(name):
        problems.append(place.problem(reader.absent(name)))
    return found


def _shown_directory(place: Place) -> str:
    """The directory of the source, as its name shows it, so that messages name files as the user did."""
    shown = os.path.dirname(place.source.name) if place.line else "."
    return shown if os.path.abspath(shown) == place.source.directory else place.source.directory


class _Reader:
    def __init__(self, directories: tuple[str, ...], found: dict[str, str], problems: list[Problem]) -> None:
        self._directories = directories
        self._found = found
        self._problems = problems
        self._environment = Environment()

    def absent(self, name: str) -> str:
        return f'no template "{name}" in {" or ".join(each or "." for each in self._directories)}'

    def read(self, name: str) -> bool:
        """Reads a template and those that it needs; False when there is none of that name."""
        if name in self._found:
            return True
        paths = [os.path.join(directory, name) for directory in self._directories]
        path = next((path for path in paths if os.path.isfile(path)), None)
        if path is None:
            return False
        self._found[name] = read_text(path, self._problems) or ""
        try:
            template = self._environment.parse(self._found[name])
        except TemplateSyntaxError as error:
            self._problems.append(Problem(f"not a Jinja template: {error.message}", path, error.lineno, 1))
            return True
        self._read_references(template, path)
        return True

    def _read_references(self, template: nodes.Template, path: str) -> None:
        for reference in template.find_all(_REFERENCES):
            names = list(meta.find_referenced_templates(nodes.Template([reference])))
            for message in self._reference_problems(reference, names):
                self._problems.append(Problem(message, path, reference.lineno, 1))

    def _reference_problems(self, reference: nodes.Node, names: list[str | None]) -> Iterator[str]:
        if not names or None in names:
            yield "the name of a template must be written out: it is read before parameters are known"
            return
        known = [self.read(name) for name in names if name]
        if not any(known) and not getattr(reference, "ignore_missing", False):
            yield self.absent(" or ".join(name for name in names if name))
