"""Directories compared between hosts. Pure: facts of check_trees.sh in, differences in words out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from launcher.spec.wording import some


@dataclass(frozen=True, slots=True)
class Tree:
    """What is below a directory, told shortly."""

    files: int
    size: int
    """Bytes."""
    names: str
    """A sum over all names and sizes."""
    content: str
    """A sum over both ends of some files, or over all of all."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of single files, where these were asked for."""
    sums: Mapping[str, str] = field(default_factory=dict)
    is_file: bool = False
    """Whether it is no directory, but a single file."""

    @property
    def digest(self) -> str:
        """Equal where the same is there, as far as was looked."""
        return f"{self.names} {self.content}"

    @property
    def is_listed(self) -> bool:
        """Whether single files are known."""
        return bool(self.sizes) or not self.files


def parse_trees(lines: Iterable[tuple[str, str]], paths: Sequence[str]) -> dict[str, Tree | None]:
    """Of each path: what is there, None where looking took too long. What could not be read is left out."""
    told: dict[str, Sequence[str]] = {}
    sizes: dict[str, dict[str, int]] = {}
    sums: dict[str, dict[str, str]] = {}
    for kind, words in lines:
        number, _, rest = words.partition(" ")
        if kind == "tree":
            told[number] = rest.split()
        elif kind == "file_size":
            size, _, name = rest.partition(" ")
            sizes.setdefault(number, {})[_plain(name)] = int(size)
        elif kind == "file_sum":
            content, _, name = rest.partition("  ")
            sums.setdefault(number, {})[_plain(name)] = content.removeprefix("\\")
    return {
        path: _tree(told[number], sizes.get(number, {}), sums.get(number, {}))
        for number, path in ((str(position), path) for position, path in enumerate(paths, 1))
        if number in told
    }


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _tree(told: Sequence[str], sizes: Mapping[str, int], sums: Mapping[str, str]) -> Tree | None:
    if told == ["slow"]:
        return None
    kind, files, size, names, content = told
    return Tree(int(files), int(size), names, content, sizes, sums, is_file=kind == "file")


def difference(here: Tree, there: Tree) -> str:
    """What is other here than there, in words."""
    found = list(_differences(here, there)) if here.is_listed and there.is_listed else []
    if found:
        return ", ".join(found)
    if here.names != there.names:
        return f"{here.files} files of {here.size} bytes, not {there.files} of {there.size}"
    return "other content in files of the same names and sizes"


def _differences(here: Tree, there: Tree) -> Iterator[str]:
    missing = sorted(there.sizes.keys() - here.sizes.keys())
    more = sorted(here.sizes.keys() - there.sizes.keys())
    both = sorted(here.sizes.keys() & there.sizes.keys())
    resized = [name for name in both if here.sizes[name] != there.sizes[name]]
    changed = [
        name
        for name in both
        if name in here.sums.keys() & there.sums.keys() and here.sums[name] != there.sums[name]
    ]
    kinds = [
        (missing, "missing"),
        (more, "too many"),
        (resized, "of another size"),
        (changed, "other inside"),
    ]
    for names, what in kinds:
        if names:
            yield f"{len(names)} {what} ({some(names)})"
