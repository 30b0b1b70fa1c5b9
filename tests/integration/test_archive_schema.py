"""Every member of every union and enumeration of PyTorch's schema of archives, in an archive."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from archives import MODEL, edited
from torch._export.serde import schema

import linalgd

TENSOR = {"name": "x"}
SUBGRAPH: dict[str, Any] = {
    "inputs": [],
    "outputs": [],
    "nodes": [],
    "tensor_values": {},
    "sym_int_values": {},
    "sym_bool_values": {},
}

# A value of each kind of argument, and of those that are refused, what is said of them.
ARGUMENTS: dict[str, Any] = {
    "as_none": True,
    "as_tensor": TENSOR,
    "as_tensors": [TENSOR, TENSOR],
    "as_int": 3,
    "as_ints": [1, 2],
    "as_float": 1.5,
    "as_floats": [1.5, "Infinity"],
    "as_string": "text",
    "as_strings": ["a", "b"],
    "as_sym_int": {"as_int": 3},
    "as_sym_ints": [{"as_int": 3}],
    "as_scalar_type": 7,
    "as_memory_format": 2,
    "as_layout": 7,
    "as_device": {"type": "cpu", "index": None},
    "as_bool": True,
    "as_bools": [True, False],
    "as_sym_bool": {"as_bool": True},
    "as_sym_bools": [{"as_bool": True}],
    "as_graph": {"name": "g", "graph": SUBGRAPH},
    "as_optional_tensors": [{"as_tensor": TENSOR}, {"as_none": True}],
    "as_custom_obj": {"name": "o", "class_fqn": "my.Queue"},
    "as_operator": "torch.ops.aten.mm.default",
    "as_sym_float": {"as_float": 0.5},
    "as_sym_floats": [{"as_float": 0.5}],
    "as_optional_tensor": {"as_tensor": TENSOR},
    "as_complex": {"real": 1.0, "imag": 2.0},
    "as_nested_tensors": [[TENSOR], [TENSOR, TENSOR]],
    "as_int_lists": [[1, 2], [3]],
    "as_string_to_argument": {"key": {"as_int": 1}, "other": {"as_tensor": TENSOR}},
    "as_float_lists": [[1.5], [2.5]],
}
REFUSED = {
    "as_graph": r"unsupported op 'torch\.some\.op': control flow cannot be compiled yet",
    "as_custom_obj": r"as_custom_obj: 'o' is an object of my\.Queue",
}


def members(union: type) -> set[str]:
    return {field.name for field in dataclasses.fields(union)}


def test_the_samples_are_all_there_is() -> None:
    assert set(ARGUMENTS) == members(schema.Argument)
    assert schema.SCHEMA_VERSION[0] == 8


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments(client: linalgd.Client, tmp_path: Path, kind: str) -> None:
    def edit(document: Any) -> None:
        node = document["graph_module"]["graph"]["nodes"][1]
        node["target"] = "torch.ops.some.op.default"
        node["inputs"].append({"name": "a", "arg": {kind: ARGUMENTS[kind]}, "kind": 1})

    path = tmp_path / "model.pt2"
    path.write_bytes(edited(MODEL, edit))
    if kind in REFUSED:
        with pytest.raises(linalgd.CompileError, match=REFUSED[kind]):
            client.submit(path, emit="torch-raw").result()
    else:
        raw = client.submit(path, emit="torch-raw").result().text()
        assert 'torch.operator "torch.some.op"' in raw


ENUMERATIONS = {
    "as_scalar_type": schema.ScalarType,
    "as_layout": schema.Layout,
    "as_memory_format": schema.MemoryFormat,
}


@pytest.mark.parametrize("kind", ENUMERATIONS)
def test_enumerations(client: linalgd.Client, tmp_path: Path, kind: str) -> None:
    """All values but UNKNOWN in one model, and one that there is not."""
    known = [int(value) for value in ENUMERATIONS[kind] if value != 0]

    def edit(document: Any, values: list[int]) -> None:
        node = document["graph_module"]["graph"]["nodes"][1]
        node["target"] = "torch.ops.some.op.default"
        node["inputs"] += [{"name": "a", "arg": {kind: value}, "kind": 1} for value in values]

    path = tmp_path / "model.pt2"
    path.write_bytes(edited(MODEL, lambda document: edit(document, known)))
    client.submit(path, emit="torch-raw").result()
    path.write_bytes(edited(MODEL, lambda document: edit(document, [99])))
    with pytest.raises(linalgd.CompileError, match=rf"inputs\[1\]\.arg\.{kind}: .*99"):
        client.submit(path, emit="torch-raw").result()


# Of each kind of input: a spec for the mlp's last input, and what is said of it; "": it is read.
INPUTS: dict[str, tuple[Any, str]] = {
    "user_input": ({"arg": {"as_tensor": TENSOR}}, ""),
    "parameter": ({"arg": TENSOR, "parameter_name": "none"}, "has no data for 'none'"),
    "buffer": ({"arg": TENSOR, "buffer_name": "none", "persistent": True}, "has no data for 'none'"),
    "tensor_constant": ({"arg": TENSOR, "tensor_constant_name": "none"}, "has no data for 'none'"),
    "custom_obj": (
        {"arg": {"name": "o", "class_fqn": "my.Table"}, "custom_obj_name": "t"},
        r"holds 't', an object of my\.Table",
    ),
    "token": ({"arg": {"name": "x"}}, "no value named 'x'"),  # it is no value
    "constant_input": ({"name": "x", "value": {"as_int": 1}}, "no value named 'x'"),
}


def test_inputs(client: linalgd.Client, tmp_path: Path) -> None:
    assert set(INPUTS) == members(schema.InputSpec)
    path = tmp_path / "model.pt2"
    for kind, (spec, message) in INPUTS.items():

        def edit(document: Any, kind: str = kind, spec: Any = spec) -> None:
            specs = document["graph_module"]["signature"]["input_specs"]
            (last,) = (index for index, one in enumerate(specs) if "user_input" in one)
            specs[last] = {kind: spec}

        path.write_bytes(edited(MODEL, edit))
        if message:
            with pytest.raises(linalgd.CompileError, match=message):
                client.submit(path, emit="torch-raw").result()
        else:
            client.submit(path, emit="torch-raw").result()


def test_constant_inputs(client: linalgd.Client, tmp_path: Path) -> None:
    values = {"as_none": True, "as_int": 1, "as_float": 0.5, "as_string": "a", "as_bool": True}
    assert set(values) == members(schema.ConstantValue)

    def edit(document: Any) -> None:
        module = document["graph_module"]
        for kind, value in values.items():
            module["graph"]["inputs"].append({kind: value})
            constant = {"name": kind, "value": {kind: value}}
            module["signature"]["input_specs"].append({"constant_input": constant})

    path = tmp_path / "model.pt2"
    path.write_bytes(edited(MODEL, edit))
    signature = client.submit(path, emit="torch-raw").result().signature
    assert [
        (entry["name"], entry["value"]) for entry in signature["inputs"] if entry["kind"] == "constant"
    ] == [
        ("as_none", None),
        ("as_int", 1),
        ("as_float", 0.5),
        ("as_string", "a"),
        ("as_bool", True),
    ]


OUTPUTS: dict[str, Any] = {
    "user_output": {"arg": {"as_tensor": TENSOR}},
    "loss_output": {"arg": TENSOR},
    "buffer_mutation": {"arg": TENSOR, "buffer_name": "first.bias"},
    "gradient_to_parameter": {"arg": TENSOR, "parameter_name": "first.bias"},
    "gradient_to_user_input": {"arg": TENSOR, "user_input_name": "x"},
    "user_input_mutation": {"arg": TENSOR, "user_input_name": "x"},
    "token": {"arg": {"name": "token"}},
    "parameter_mutation": {"arg": TENSOR, "parameter_name": "first.bias"},
}


def test_outputs(client: linalgd.Client, tmp_path: Path) -> None:
    assert set(OUTPUTS) == members(schema.OutputSpec)
    path = tmp_path / "model.pt2"
    for kind, spec in OUTPUTS.items():

        def edit(document: Any, kind: str = kind, spec: Any = spec) -> None:
            module = document["graph_module"]
            module["graph"]["outputs"].append({"as_tensor": TENSOR})
            module["signature"]["output_specs"].append({kind: spec})

        path.write_bytes(edited(MODEL, edit))
        client.submit(path, emit="torch-raw").result()
