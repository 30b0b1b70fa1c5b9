"""Pytrees without PyTorch: reads the treespec strings of torch.utils._pytree.

A node is a list, tuple, dict, OrderedDict, defaultdict, deque, namedtuple or a class that was
registered with PyTorch; everything else, None too, is a leaf. A registered class is looked up among
the modules that the program has imported; where it is missing, values come back as a dict (where
the spec knows names) or a tuple.
"""

from __future__ import annotations

import collections
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from linalgd.errors import InputError

_MAX_DEPTH = 200


@dataclass(frozen=True)
class Node:
    """A treespec.

    Attributes:
        type: "builtins.tuple", "transformers.….ModelOutput"; None for a leaf.
        keys: of a mapping or of a class with named fields, in order; None for a sequence.
        children: the subtrees.
        detail: of a defaultdict or namedtuple, what its context says.
    """

    type: str | None
    keys: tuple[Any, ...] | None
    children: tuple[Node, ...]
    detail: Any = None


LEAF = Node(None, None, ())


def parse(text: str) -> Node:
    """Reads a treespec string, protocol 1.

    Raises:
        ValueError: it is none.
    """
    document = json.loads(text)
    if not isinstance(document, list) or len(document) != 2 or document[0] != 1:
        raise ValueError("not a treespec of protocol 1")
    return _node(document[1], 0)


def _node(spec: Mapping[str, Any], depth: int) -> Node:
    if depth > _MAX_DEPTH:
        raise ValueError("the treespec is nested too deeply")
    kind = spec["type"]
    if kind is None:
        return LEAF
    context = spec["context"]
    if isinstance(context, str) and kind != "collections.namedtuple":
        context = json.loads(context)
    children = tuple(_node(child, depth + 1) for child in spec["children_spec"])
    return Node(kind, _keys(kind, context, len(children)), children, context)


def _keys(kind: str, context: Any, count: int) -> tuple[Any, ...] | None:
    if kind == "collections.defaultdict":
        context = context["dict_context"]
    elif isinstance(context, list) and len(context) == 2 and isinstance(context[0], list):
        context = context[0]  # a dataclass: [names, names of fields that are None]
    named = isinstance(context, list) and len(context) == count
    sequence = kind in ("builtins.tuple", "builtins.list", "collections.deque", "torch.Size")
    if named and not sequence and all(isinstance(key, (str, int)) for key in context):
        return tuple(context)
    return None


def flatten(node: Node, value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The leaves of a value in the spec's order, each with its path for messages.

    Args:
        node: the spec.
        value: what the user gave.
        path: its name in messages.

    Raises:
        InputError: the value has another structure.
    """
    if node.type is None:
        yield path, value
        return
    if node.keys is not None:
        for key, child, part in zip(node.keys, node.children, _named(node, value, path), strict=True):
            yield from flatten(child, part, f"{path}[{key!r}]" if path else str(key))
        return
    for index, (child, part) in enumerate(zip(node.children, _ordered(node, value, path), strict=True)):
        yield from flatten(child, part, f"{path}[{index}]" if path else f"args[{index}]")


def _named(node: Node, value: Any, path: str) -> list[Any]:
    assert node.keys is not None
    keys = node.keys
    if not isinstance(value, Mapping):
        if all(isinstance(key, str) and hasattr(value, key) for key in keys):
            return [getattr(value, key) for key in keys]
        raise InputError(
            f"{path or 'kwargs'} must be a mapping with the keys {list(keys)}, as it was when the "
            f"model was exported, not {type(value).__name__}"
        )
    missing = [key for key in keys if key not in value]
    extra = [key for key in value if key not in keys]
    if missing or extra:
        faults = [f"{path or 'the call'} does not have the structure that the model was exported with:"]
        faults += [f"missing {missing}"] if missing else []
        faults += [f"unexpected {extra}"] if extra else []
        raise InputError(" ".join(faults))
    return [value[key] for key in keys]


def _ordered(node: Node, value: Any, path: str) -> Sequence[Any]:
    count = len(node.children)
    if not isinstance(value, (tuple, list, collections.deque)):
        value = _flatten_with_torch(value)
        if value is None or len(value) != count:
            raise InputError(f"{path or 'args'} must be a {node.type} of {count}")
    if len(value) != count:
        what = f"{path} has {len(value)} entries" if path else f"{len(value)} positional inputs given"
        raise InputError(f"{what}, but the model was exported with {count}")
    return list(value)


def _flatten_with_torch(value: Any) -> list[Any] | None:
    """The children of an object whose class is registered with PyTorch, if PyTorch is there."""
    pytree: Any = sys.modules.get("torch.utils._pytree")
    if pytree is None or type(value) not in pytree.SUPPORTED_NODES:
        return None
    return list(pytree.SUPPORTED_NODES[type(value)].flatten_fn(value)[0])


def unflatten(node: Node, leaves: Iterator[Any]) -> Any:
    """The structure that a spec describes, filled with leaves in order."""
    if node.type is None:
        return next(leaves)
    values = [unflatten(child, leaves) for child in node.children]
    build = _BUILDERS.get(node.type)
    if build is not None:
        return build(node, values)
    return _registered(node, values)


def _registered(node: Node, values: list[Any]) -> Any:
    found = _find_class(node.type or "")
    if node.keys is None:
        return tuple(values)
    named = dict(zip(node.keys, values, strict=True))
    if found is None:
        return named
    try:
        return found(**named)
    except TypeError:  # not built from its fields
        return named


def _namedtuple(node: Node, values: list[Any]) -> Any:
    found = _find_class(node.detail if isinstance(node.detail, str) else "")
    fields = getattr(found, "_fields", None)
    if found is None or fields is None or len(fields) != len(values):
        return tuple(values)
    return found(*values)


def _find_class(name: str) -> Callable[..., Any] | None:
    """A class of a module that is imported already, by its dotted name."""
    module, _, attribute = name.rpartition(".")
    found = getattr(sys.modules.get(module), attribute, None)
    return found if isinstance(found, type) else None


def _defaultdict(node: Node, values: list[Any]) -> Any:
    detail = node.detail
    module = sys.modules.get(detail.get("default_factory_module") or "")
    factory = getattr(module, detail.get("default_factory_name") or "", None)
    return collections.defaultdict(factory, zip(node.keys or (), values, strict=True))


_BUILDERS: dict[str, Callable[[Node, list[Any]], Any]] = {
    "builtins.tuple": lambda _, values: tuple(values),
    "builtins.list": lambda _, values: values,
    "builtins.dict": lambda node, values: dict(zip(node.keys or (), values, strict=True)),
    "collections.OrderedDict": lambda node, values: collections.OrderedDict(
        zip(node.keys or (), values, strict=True)
    ),
    "collections.defaultdict": _defaultdict,
    "collections.deque": lambda _, values: collections.deque(values),
    "collections.namedtuple": _namedtuple,
}
