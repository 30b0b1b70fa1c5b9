"""Pytrees, held against torch.utils._pytree."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any, NamedTuple

import pytest

from linalgd import InputError, _treespec

torch: Any = pytest.importorskip("torch")
pytree: Any = pytest.importorskip("torch.utils._pytree")


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Pair:
    a: Any
    b: Any


pytree._register_namedtuple(Point, serialized_type_name=f"{__name__}.Point")
torch.export.register_dataclass(Pair, serialized_type_name=f"{__name__}.Pair")

VALUES: list[Any] = [
    1,
    None,
    (1, [2, (3,)], {}),
    {"b": 1, "a": {"c": (2, None)}},
    collections.OrderedDict(z=1, a=[2]),
    collections.defaultdict(int, a=1, b=2),
    collections.deque([1, (2, 3)]),
    Point(1, [2, 3]),
    Pair(1, {"k": 2}),
    ((), {}, []),
]


@pytest.mark.parametrize(
    "value", VALUES, ids=[type(value).__name__ + str(i) for i, value in enumerate(VALUES)]
)
def test_agrees_with_torch(value: Any) -> None:
    leaves, spec = pytree.tree_flatten(value)
    node = _treespec.parse(pytree.treespec_dumps(spec))
    assert [leaf for _, leaf in _treespec.flatten(node, value, "v")] == leaves
    back = _treespec.unflatten(node, iter(leaves))
    assert back == value
    assert type(back) is type(value)


def test_model_output_comes_back_as_its_class_or_a_dict() -> None:
    outputs = pytest.importorskip("transformers.modeling_outputs")
    value = outputs.BaseModelOutput(last_hidden_state=1)
    text = pytree.treespec_dumps(pytree.tree_structure(value))
    back = _treespec.unflatten(_treespec.parse(text), iter([7]))
    assert isinstance(back, outputs.BaseModelOutput)
    assert back.last_hidden_state == 7
    missing = text.replace("BaseModelOutput", "NoSuchOutput")
    assert _treespec.unflatten(_treespec.parse(missing), iter([7])) == {"last_hidden_state": 7}


def test_missing_classes_become_plain() -> None:
    text = pytree.treespec_dumps(pytree.tree_structure((Point(1, 2), Pair(3, 4))))
    node = _treespec.parse(text.replace(__name__, "no.such.module"))
    assert _treespec.unflatten(node, iter([1, 2, 3, 4])) == ((1, 2), {"a": 3, "b": 4})


def test_order_of_keys_does_not_matter_but_keys_do() -> None:
    node = _treespec.parse(pytree.treespec_dumps(pytree.tree_structure({"a": 1, "b": (2, 3)})))
    found = list(_treespec.flatten(node, {"b": (2, 3), "a": 1}, ""))
    assert found == [("a", 1), ("b[0]", 2), ("b[1]", 3)]
    with pytest.raises(InputError, match=r"missing \['b'\] unexpected \['c'\]"):
        list(_treespec.flatten(node, {"a": 1, "c": 2}, ""))
    with pytest.raises(InputError, match="b has 1 entries, but the model was exported with 2"):
        list(_treespec.flatten(node, {"a": 1, "b": (2,)}, ""))


@pytest.mark.parametrize("text", ["[2, null]", "{}", "7", "[1, {}]"])
def test_broken_specs(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        _treespec.parse(text)
