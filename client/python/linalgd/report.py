"""Reports: what the server says about a model without compiling it."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from linalgd.errors import InputError, SourceLocation


@dataclass(frozen=True)
class OpCount:
    """How often an op occurs.

    Attributes:
        op: "aten.add.Tensor", without ".default".
        count: of its occurrences.
        how: what becomes of it: "lowered", "decomposed", "functionalized", "kept", "unsupported",
            or "" for what is folded away or is no op of PyTorch's.
    """

    op: str
    count: int
    how: str


@dataclass(frozen=True)
class Use:
    """A place where an op that is not supported is used.

    Attributes:
        node: the node's stable id, "n12".
        written_as: the op of that node as the user wrote it; None where unknown.
        detail: what of the reason belongs to this place, such as the operands' types; may be "".
        source: where it is in the user's Python code, where known.
    """

    node: str
    written_as: str | None
    detail: str
    source: SourceLocation | None


@dataclass(frozen=True)
class UnsupportedOp:
    """An op that keeps the model from being compiled.

    Attributes:
        op: its name.
        reason: one sentence.
        hint: what to do about it.
        uses: all places.
    """

    op: str
    reason: str
    hint: str
    uses: tuple[Use, ...]


@dataclass(frozen=True)
class Problem:
    """Something beside unsupported ops that keeps the model from being compiled."""

    message: str
    node: str
    source: SourceLocation | None


@dataclass(frozen=True)
class Symbol:
    """A size that varies.

    Attributes:
        name: as in shapes.
        min: the least value.
        max: the greatest; None: no bound.
        inputs: the dimensions (input's name, index) whose sizes have it; none: it depends on data.
    """

    name: str
    min: int
    max: int | None
    inputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class DynamicPlace:
    """A node that depends on what tensors hold: its result is of a size that nothing else tells.

    Attributes:
        node: its id.
        op: its name.
        symbols: the sizes that first occur there; none for a number read from a tensor.
        source: where it is in the user's Python code, where known.
    """

    node: str
    op: str
    symbols: tuple[str, ...]
    source: SourceLocation | None


@dataclass(frozen=True)
class Weight:
    """A parameter or buffer that the model uses.

    Attributes:
        slot: its name.
        kind: "parameter", "buffer" or "constant".
        dtype: "float32", …
        shape: sizes.
        bytes: of its elements.
        bound: False where the model holds no data for it.
        shares: the slot of an earlier weight with the same bytes (tied weights), or None.
    """

    slot: str
    kind: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    bound: bool
    shares: str | None


@dataclass(frozen=True)
class Node:
    """A node of the model's graph.

    Attributes:
        node: its id.
        op: its name.
        how: as in `OpCount`.
        results: types, such as "float32[s0, 64]".
        source: where it is in the user's Python code, where known.
    """

    node: str
    op: str
    how: str
    results: tuple[str, ...]
    source: SourceLocation | None


class Report:
    """What there is to know about a model (docs/explain.md). `str` gives it as text.

    Attributes:
        key: of the report, as of any artifact.
        cached: whether it was served without a worker making it.
    """

    def __init__(self, read: Callable[[str], bytes], key: str, cached: bool) -> None:
        """Takes a function that fetches one of the artifact's files by its name."""
        self._read = read
        self.key = key
        self.cached = cached

    @cached_property
    def _json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self._read("report.json"))
        return parsed

    def __repr__(self) -> str:
        return f"<linalgd.Report supported={self.supported} nodes={len(self._json['nodes'])}>"

    @cached_property
    def _text(self) -> str:
        return self._read("report.txt").decode()

    def __str__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        """For notebooks: the page in a frame of its own."""
        page = html.escape(self.html(), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:720px;border:0"></iframe>'

    def json(self) -> dict[str, Any]:
        """The report as JSON has it; docs/explain.md describes it."""
        return self._json

    def html(self) -> str:
        """The report as an HTML page that needs nothing beside it."""
        return self._read("report.html").decode()

    @property
    def supported(self) -> bool:
        """Whether the model compiles to linalg."""
        return bool(self._json["supported"])

    @cached_property
    def unsupported(self) -> list[UnsupportedOp]:
        """The ops that linalgd cannot compile, all of them, and where they are."""
        return [
            UnsupportedOp(
                op["op"],
                op["reason"],
                op["hint"],
                tuple(
                    Use(use["node"], use["written_as"], use["detail"], source_of(use["source"]))
                    for use in op["uses"]
                ),
            )
            for op in self._json["unsupported"]
        ]

    @cached_property
    def problems(self) -> list[Problem]:
        """What else keeps the model from being compiled."""
        return [
            Problem(problem["message"], problem["node"], source_of(problem["source"]))
            for problem in self._json["problems"]
        ]

    def ops(self, level: str = "torch-raw") -> list[OpCount]:
        """The ops and their counts, the most frequent first.

        Args:
            level: "torch-raw" (as written), "torch" (functional and decomposed: what is left to
                lower) or "linalg".

        Raises:
            InputError: the model does not get as far as that level, or there is none of the name.
        """
        for entry in self._json["levels"]:
            if entry["stage"] == level:
                return [OpCount(op["op"], op["count"], op["how"]) for op in entry["ops"]]
        known = ", ".join(entry["stage"] for entry in self._json["levels"])
        raise InputError(f"the report has no level {level!r}, but {known}")

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """Expected inputs, as in a signature (docs/protocol.md)."""
        return list(self._json["inputs"])

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """Outputs, as in a signature."""
        return list(self._json["outputs"])

    @property
    def state(self) -> list[dict[str, Any]]:
        """Buffers and inputs that the model writes, as in a signature."""
        return list(self._json["state"])

    @cached_property
    def symbols(self) -> list[Symbol]:
        """The sizes that vary, and where they come from."""
        return [
            Symbol(
                symbol["name"],
                symbol["min"],
                symbol["max"],
                tuple((place["input"], place["dimension"]) for place in symbol["inputs"]),
            )
            for symbol in self._json["symbols"]
        ]

    @cached_property
    def dynamic(self) -> list[DynamicPlace]:
        """The nodes whose results' sizes or values depend on what tensors hold."""
        return [
            DynamicPlace(place["node"], place["op"], tuple(place["symbols"]), source_of(place["source"]))
            for place in self._json["dynamic"]["places"]
        ]

    @cached_property
    def weights(self) -> list[Weight]:
        """Parameters and buffers, in the order of their first use."""
        return [
            Weight(
                weight["slot"],
                weight["kind"],
                weight["dtype"],
                tuple(weight["shape"]),
                weight["bytes"],
                weight["bound"],
                weight["shares"],
            )
            for weight in self._json["parameters"]["weights"]
        ]

    @property
    def unbound(self) -> list[str]:
        """The slots of the weights without data."""
        return [weight.slot for weight in self.weights if not weight.bound]

    @property
    def weight_bytes(self) -> int:
        """The bytes of all weights, those that share them counted once."""
        return int(self._json["parameters"]["bytes"])

    @cached_property
    def nodes(self) -> list[Node]:
        """The nodes of the graph, in order."""
        return [
            Node(node["node"], node["op"], node["how"], tuple(node["results"]), source_of(node["source"]))
            for node in self._json["nodes"]
        ]


def source_of(entry: dict[str, Any] | None) -> SourceLocation | None:
    """The place that JSON tells, or None."""
    if not entry:
        return None
    return SourceLocation(entry["file"], entry["line"], entry["function"], entry["module"])
