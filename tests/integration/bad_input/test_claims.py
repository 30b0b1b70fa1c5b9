"""What a .pt2 says that is not so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from archives import MODEL, WEIGHTS, edited
from bad_input.checks import linalgc, rejected
from stubs import DEADLINE

import linalgd
from daemon import Daemon


def graph(document: Any) -> Any:
    return document["graph_module"]["graph"]


def node(document: Any, index: int = 0) -> Any:
    return graph(document)["nodes"][index]


def value(document: Any) -> Any:
    return graph(document)["tensor_values"]["linear"]


def weight(document: Any) -> Any:
    return document["config"]["first.weight"]["tensor_meta"]


def spec(document: Any) -> Any:
    return document["graph_module"]["module_call_graph"][0]["signature"]


NODE = r"^models/model\.json: graph_module\.graph\.nodes\[0\]"
VALUE = r"^models/model\.json: graph_module\.graph\.tensor_values\.linear"
META = r"^data/weights/model_weights_config\.json: config\.first\.weight\.tensor_meta"

CLAIMS: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "unknown tag": (
        MODEL,
        lambda d: node(d)["inputs"][0].update(arg={"as_surprise": 1}),
        NODE + r"\.inputs\[0\]\.arg\.as_surprise: unknown kind of argument",
    ),
    "two tags": (
        MODEL,
        lambda d: node(d)["inputs"][0].update(arg={"as_int": 1, "as_bool": True}),
        NODE + r"\.inputs\[0\]\.arg: expected an object with one field",
    ),
    "unknown field": (MODEL, lambda d: node(d).update(extra=1), NODE + r"\.extra: unknown field"),
    "missing field": (MODEL, lambda d: node(d).pop("target"), NODE + r"\.target: the field is missing"),
    "wrong kind": (
        MODEL,
        lambda d: graph(d).update(nodes={}),
        r"graph_module\.graph\.nodes: expected an array, found object",
    ),
    "no object": (MODEL, lambda d: d.clear(), r"^models/model\.json: schema_version: the field is missing"),
    "newer schema": (
        MODEL,
        lambda d: d["schema_version"].update(major=9),
        r"schema_version\.major: the export schema has version 9; this linalgd reads versions 7 and 8",
    ),
    "unknown dtype": (MODEL, lambda d: value(d).update(dtype=99), VALUE + r"\.dtype: unknown dtype 99"),
    "negative size": (
        MODEL,
        lambda d: value(d)["sizes"][1].update(as_int=-3),
        VALUE + r"\.sizes\[1\]\.as_int: a size cannot be -3",
    ),
    "absurd size": (
        MODEL,
        lambda d: value(d)["sizes"][1].update(as_int=2**63 - 1),
        VALUE + r"\.sizes\[1\]: the tensor's sizes are absurd",
    ),
    "size beyond 64 bits": (
        MODEL,
        lambda d: value(d)["sizes"][1].update(as_int=10**40),
        VALUE + r"\.sizes\[1\]\.as_int: expected an integer of 64 bits",
    ),
    "fraction": (
        MODEL,
        lambda d: value(d)["sizes"][1].update(as_int=8.5),
        VALUE + r"\.sizes\[1\]\.as_int: expected an integer of 64 bits",
    ),
    "absurd rank": (
        MODEL,
        lambda d: value(d).update(sizes=[{"as_int": 1}] * 100_000),
        VALUE + r"\.sizes: a tensor has at most 64 dimensions, not 100000",
    ),
    "code for a size": (
        MODEL,
        lambda d: value(d)["sizes"][0]["as_expr"].update(expr_str="__import__('os').system('id')"),
        VALUE + r"\.sizes\[0\]\.as_expr\.expr_str: unknown function '__import__'",
    ),
    "deep expression": (
        MODEL,
        lambda d: value(d)["sizes"][0]["as_expr"].update(expr_str="Add(" * 100_000),
        VALUE + r"\.sizes\[0\]\.as_expr\.expr_str: more than 200 levels of nesting",
    ),
    "empty range": (
        MODEL,
        lambda d: [r.update(min_val=9, max_val=2) for r in d["range_constraints"].values()],
        r"range_constraints\.s\d+: the range is empty",
    ),
    "undefined value": (
        MODEL,
        lambda d: node(d)["inputs"][0]["arg"]["as_tensor"].update(name="nobody"),
        NODE + r"\.inputs\[0\]\.arg\.as_tensor\.name: no value named 'nobody' was defined before",
    ),
    "use before definition": (
        MODEL,
        lambda d: graph(d)["nodes"].reverse(),
        NODE + r"\.inputs\[0\]\.arg\.as_tensor\.name: no value named 'relu_' was defined before",
    ),
    "no name of an op": (
        MODEL,
        lambda d: node(d).update(target="torch.ops.aten.\x1b[31m"),
        NODE + r"\.target: 'aten\.\\x1b\[31m' is not the name of an op",
    ),
    "fewer inputs": (
        MODEL,
        lambda d: graph(d)["inputs"].pop(),
        r"graph_module\.graph\.inputs: the graph has 4 inputs, its signature 5",
    ),
    "no outputs": (
        MODEL,
        lambda d: graph(d)["outputs"].clear(),
        r"graph_module\.graph\.outputs: the graph has 0 outputs, its signature 1",
    ),
    "deep tree spec": (
        MODEL,
        lambda d: spec(d).update(in_spec="[" * 100_000),
        r"module_call_graph\[0\]\.signature\.in_spec: the tree spec nests more than 256 levels deep",
    ),
    "weight longer than its storage": (
        WEIGHTS,
        lambda d: weight(d)["sizes"][0].update(as_int=16),
        META + r": the tensor needs 256 bytes of float32, its storage has 128",
    ),
    "weight of another size": (
        WEIGHTS,
        lambda d: weight(d)["sizes"][0].update(as_int=4),
        r"the table of weights and the graph give 'first\.weight' different dtypes or sizes",
    ),
    "weight of another dtype": (
        WEIGHTS,
        lambda d: weight(d).update(dtype=4),
        r"the table of weights and the graph give 'first\.weight' different dtypes or sizes",
    ),
    "weight of absurd size": (
        WEIGHTS,
        lambda d: weight(d)["sizes"][0].update(as_int=2**63 - 1),
        META + r": the tensor's sizes are absurd",
    ),
    "weight at an absurd offset": (
        WEIGHTS,
        lambda d: weight(d)["storage_offset"].update(as_int=2**62),
        META + r": the tensor's sizes are absurd",
    ),
    "weight that repeats its storage": (
        WEIGHTS,
        lambda d: [weight(d)["sizes"][0].update(as_int=2**40), weight(d)["strides"][0].update(as_int=0)],
        META + r": the tensor repeats a storage of 128 bytes to 4398046511104 elements",
    ),
    "weight of negative stride": (
        WEIGHTS,
        lambda d: weight(d)["strides"][0].update(as_int=-4),
        META + r"\.strides\[0\]\.as_int: a size cannot be -4",
    ),
    "weight in another folder": (
        WEIGHTS,
        lambda d: d["config"]["first.weight"].update(path_name="../../../../etc/passwd"),
        r"config\.first\.weight: the archive has no file data/weights/\.\./",
    ),
    "pickled weight": (
        WEIGHTS,
        lambda d: d["config"]["first.weight"].update(use_pickle=True),
        r"config\.first\.weight: this weight is a pickled Python object",
    ),
    "weight that is missing": (
        WEIGHTS,
        lambda d: d["config"].pop("first.weight"),
        r"parameter_name: the archive has no data for 'first\.weight'",
    ),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_bad_claims(client: linalgd.Client, tmp_path: Path, name: str) -> None:
    path, edit, pattern = CLAIMS[name]
    model = tmp_path / "model.pt2"
    model.write_bytes(edited(path, edit))
    rejected(client, model, pattern)


OPS: dict[str, tuple[Callable[[Any], object], str]] = {
    "no argument": (
        lambda d: node(d, 1).update(inputs=[]),
        r"'torch\.aten\.relu_' lacks its argument 'self'",
    ),
    "too many arguments": (
        lambda d: node(d).update(inputs=node(d)["inputs"] * 3),
        r"'torch\.aten\.linear' ",
    ),
    "a number for a tensor": (
        lambda d: node(d)["inputs"][1].update(arg={"as_string": "weight"}),
        r"'torch\.aten\.linear' ",
    ),
    "a result of other sizes": (
        lambda d: value(d)["sizes"][1].update(as_int=7),
        r"'torch\.aten\.linear' op inferred type",
    ),
    "a result of another dtype": (
        lambda d: value(d).update(dtype=8),
        r"'torch\.aten\.linear' op inferred type",
    ),
    "a bias that is a matrix": (
        lambda d: node(d)["inputs"][2].update(arg=node(d)["inputs"][1]["arg"]),
        r"'torch\.aten\.linear' op the bias does not go with the weight",
    ),
    "operands that do not go together": (
        lambda d: graph(d)["tensor_values"]["x"]["sizes"][1].update(as_int=5),
        r"'torch\.aten\.linear' op the weight does not go with the input's last dimension",
    ),
}


@pytest.mark.parametrize("name", OPS)
def test_bad_ops(client: linalgd.Client, tmp_path: Path, name: str) -> None:
    """A graph that its ops contradict: the error leads to the Python line."""
    edit, pattern = OPS[name]
    model = tmp_path / "model.pt2"
    model.write_bytes(edited(MODEL, edit))
    for emit in ("linalg", "executable"):
        error = rejected(client, model, pattern, emit=emit)
        assert str(error.diagnostics[0].location) == "/models/mlp_module.py:10"


def test_ops_that_nobody_knows(client: linalgd.Client, daemon: Daemon, tmp_path: Path) -> None:
    def edit(document: Any) -> None:
        node(document, 0)["target"] = "torch.ops.aten.nobody.default"
        node(document, 2)["target"] = "torch.ops.mylib.knows.this"

    model = tmp_path / "model.pt2"
    model.write_bytes(edited(MODEL, edit))
    with pytest.raises(linalgd.CompileError, match="2 ops of the model are not supported") as caught:
        client.submit(model).result(timeout=DEADLINE)
    assert caught.value.code == "UNIMPLEMENTED"
    assert [(found.op, str(found.location)) for found in caught.value.diagnostics] == [
        ("torch.aten.nobody", "/models/mlp_module.py:10"),
        ("torch.mylib.knows.this", "/models/mlp_module.py:10"),
    ]
    done = linalgc(daemon, "compile", model, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert len(re.findall(r"^/models/mlp_module\.py:10: error: ", done.stderr, re.MULTILINE)) == 2
