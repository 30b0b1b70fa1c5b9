"""What the key of an artifact is made of, and what tells two keys apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from linalgd.errors import InputError, SourceLocation
from linalgd.report import source_of


@dataclass(frozen=True)
class KeyLine:
    """A line of a component.

    Attributes:
        text: what goes into the key.
        node: the id of the node that it describes, or "".
        source: where that node is in the user's Python code, where known. Not in the key.
    """

    text: str
    node: str
    source: SourceLocation | None


@dataclass(frozen=True)
class KeyComponent:
    """Something that a key depends on.

    Attributes:
        name: "format", "build", "graph", "entry", "keep_ops", "target", "weight data", …
        digest: SHA-256 of its lines, hexadecimal.
        lines: what it is.
    """

    name: str
    digest: str
    lines: tuple[KeyLine, ...]


@dataclass(frozen=True)
class KeyDifference:
    """The first place where a component of two keys differs.

    Attributes:
        component: its name.
        line: the number of the line, from 1.
        one: that line of the first key; None where it has ended.
        other: that of the other key.
        parts: what of the two lines differs, such as ("alpha=1", "alpha=2").
    """

    component: str
    line: int
    one: KeyLine | None
    other: KeyLine | None
    parts: tuple[str, str]

    def __str__(self) -> str:
        first, second = (
            part if line else "nothing" for part, line in zip(self.parts, (self.one, self.other), strict=True)
        )
        text = f"{self.component}, line {self.line}: {first}  vs  {second}"
        for line in (self.one, self.other):
            text += f"\n    {line.text if line else 'ends before'}"
            if line and line.source:
                module = f" ({line.source.module})" if line.source.module else ""
                text += f"\n        {line.source}{module}"
        return text


@dataclass(frozen=True)
class KeyComparison:
    """Two keys side by side.

    Attributes:
        equal: whether they are one key.
        differences: one for each component that differs, in the order in which they are hashed.
    """

    equal: bool
    differences: tuple[KeyDifference, ...]

    def __str__(self) -> str:
        if self.equal:
            return "The keys are equal."
        return "\n".join(["The keys differ.", *map(str, self.differences)])


class KeyReport:
    """What the key of an artifact is made of (docs/explain.md). `str` gives it as text.

    Attributes:
        emit: of which artifact.
        key: of that artifact.
    """

    def __init__(self, read: Callable[[str], bytes], emit: str) -> None:
        """Takes a function that fetches one of the explanation's files by its name.

        Raises:
            InputError: the options allow no such artifact.
        """
        self._read = read
        self._json: dict[str, Any] = json.loads(read("key.json"))
        found = [entry for entry in self._json["artifacts"] if entry["emit"] == emit]
        if not found:
            raise InputError(f"with these options there is no artifact of {emit!r}, so it has no key")
        self.emit = emit
        self.key: str = found[0]["key"]
        self._names: list[str] = found[0]["components"]

    def __repr__(self) -> str:
        return f"<linalgd.KeyReport {self.emit} {self.key[:12]}>"

    @cached_property
    def _text(self) -> str:
        return self._read("key.txt").decode()

    def __str__(self) -> str:
        return self._text

    def json(self) -> dict[str, Any]:
        """As the server wrote it, with the keys of all artifacts; docs/explain.md describes it."""
        return self._json

    @cached_property
    def components(self) -> list[KeyComponent]:
        """What the key is made of, in the order in which it is hashed."""
        by_name = {entry["name"]: entry for entry in self._json["components"]}
        return [
            KeyComponent(
                name,
                by_name[name]["digest"],
                tuple(
                    KeyLine(line["text"], line.get("node", ""), source_of(line.get("source")))
                    for line in by_name[name]["lines"]
                ),
            )
            for name in self._names
        ]

    def compare(self, other: KeyReport) -> KeyComparison:
        """What tells this key from another one."""
        mine = {component.name: component for component in self.components}
        theirs = {component.name: component for component in other.components}
        differences = []
        for name in dict.fromkeys([*mine, *theirs]):
            one, two = mine.get(name), theirs.get(name)
            if (one.digest if one else None) != (two.digest if two else None):
                differences.append(
                    _first_difference(name, one.lines if one else (), two.lines if two else ())
                )
        return KeyComparison(self.key == other.key, tuple(differences))


def _first_difference(name: str, one: tuple[KeyLine, ...], other: tuple[KeyLine, ...]) -> KeyDifference:
    shortest = min(len(one), len(other))
    index = next((i for i in range(shortest) if one[i].text != other[i].text), shortest)
    mine = one[index] if index < len(one) else None
    theirs = other[index] if index < len(other) else None
    parts = _differing_parts(mine.text if mine else "", theirs.text if theirs else "")
    return KeyDifference(name, index + 1, mine, theirs, parts)


def _differing_parts(one: str, other: str) -> tuple[str, str]:
    """Where two lines differ, at the boundaries of what is written in them."""
    separators = " ,()"
    shortest = min(len(one), len(other))
    begin = next((i for i in range(shortest) if one[i] != other[i]), shortest)
    while begin > 0 and one[begin - 1] not in separators:
        begin -= 1
    end = 0
    while end < shortest - begin and one[-1 - end] == other[-1 - end]:
        end += 1
    while end > 0 and one[len(one) - end] not in separators:
        end -= 1
    return one[begin : len(one) - end], other[begin : len(other) - end]
