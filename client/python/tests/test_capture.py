"""Python models on their way to the server."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import linalgd
from fake_server import FakeServer
from linalgd import _capture
from linalgd.v1 import compile_pb2


class Model(torch.nn.Module):
    """A module with branches that need no control flow when they are exported."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, x: Any, *, scale: Any = None) -> Any:
        y = self.linear(x)
        return y if scale is None else y * scale


class Branches(torch.nn.Module):
    """A module that torch.export refuses."""

    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


class Tables(torch.nn.Module):
    """Small tables that no checkpoint has: one with an initialiser, one without."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("angles", torch.arange(4.0), persistent=False)
        self.register_buffer("other", torch.arange(4.0), persistent=False)

    def reset_buffers(self) -> None:
        """Writes `angles`."""
        self.angles.copy_(torch.arange(4.0))

    def forward(self, x: Any) -> Any:
        return x * self.angles + self.other


def sent(server: FakeServer) -> dict[str, bytes]:
    return {blob.name: server.blobs[blob.digest] for blob in server.requests[-1].model.blobs}


def test_module_is_exported(server: FakeServer, client: linalgd.Client) -> None:
    model = Model().eval()
    dynamic = {"x": {0: torch.export.Dim("batch")}, "scale": None}
    client.submit(model, (torch.ones(4, 3),), {"scale": torch.tensor(2.0)}, dynamic_shapes=dynamic)
    entries = sent(server)
    assert b"linear.weight" in entries["data/weights/model_weights_config.json"]
    assert b"mul" in entries["models/model.json"]
    weight = model.linear.weight.detach().numpy().tobytes()
    assert any(data == weight for name, data in entries.items() if name.startswith("data/weights/weight_"))
    assert not any("sample_inputs" in name or name.startswith(".data") for name in entries)
    assert not server.requests[0].options.inputs


def test_exported_program_and_its_second_save(server: FakeServer, client: linalgd.Client) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(500, 500), torch.nn.ReLU()).eval()
    args = (torch.ones(1, 500),)
    client.submit(torch.export.export(model, args))
    before = server.received
    client.submit(torch.export.export(model, (torch.zeros(1, 500),)))
    assert server.received - before < 100_000
    with pytest.raises(linalgd.InputError, match="fixed when a program is exported"):
        client.submit(torch.export.export(model, args), dynamic_shapes=({0: 2},))


def test_saved_program(server: FakeServer, client: linalgd.Client, tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(Model().eval(), (torch.ones(1, 3),)), path)
    client.submit(path)
    assert {"models/model.json", "archive_format", "byteorder", "archive_version"} <= set(sent(server))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_traced_module(server: FakeServer, client: linalgd.Client, tmp_path: Path) -> None:
    traced = torch.jit.trace(torch.nn.Linear(3, 2), torch.ones(4, 3))
    expected = [compile_pb2.InputSpec(dtype="float32", shape=[-1, 3], symbols=["batch", ""])]
    client.submit(traced, (torch.ones(4, 3),), dynamic_shapes=({0: "batch"},))
    (data,) = sent(server).values()
    assert zipfile.is_zipfile(io.BytesIO(data))
    assert list(server.requests[-1].options.inputs) == expected
    traced.save(str(tmp_path / "model.pt"))
    client.submit(tmp_path / "model.pt", (np.ones((4, 3), np.float32),), dynamic_shapes=(["batch", None],))
    assert list(server.requests[-1].options.inputs) == expected
    with pytest.raises(linalgd.InputError, match="input 0 of a TorchScript model must be a tensor"):
        client.submit(traced, ({1},))
    with pytest.raises(linalgd.InputError, match="2 entries for 1 inputs"):
        client.submit(traced, (torch.ones(4, 3),), dynamic_shapes=(None, None))


def test_structured_inputs() -> None:
    image = np.ones((3, 8, 8), np.float32)
    batch = torch.export.Dim("batch")
    args = ([image, image], (image, None), {"n": 3, "flag": True}, 2.5, "mode", 7)
    shapes = ([{1: batch}, {1: batch, 2: torch.export.Dim.AUTO}], None, {"n": "any"}, None, None, 3)
    specs = _capture.input_specs(args, {"other": linalgd.TensorSpec(kind="float")}, (*shapes, None))
    images, pair, options, scale, mode, count, other = specs
    assert images.kind == compile_pb2.INPUT_KIND_LIST
    assert [list(item.shape) for item in images.items] == [[3, -1, 8], [3, -1, -1]]
    assert list(images.items[1].symbols) == ["", "batch", ""]
    assert pair.kind == compile_pb2.INPUT_KIND_TUPLE
    assert pair.items[1] == compile_pb2.InputSpec(kind=compile_pb2.INPUT_KIND_CONSTANT)
    assert [item.name for item in options.items] == ["n", "flag"]
    assert options.items[0].kind == compile_pb2.INPUT_KIND_INT
    assert options.items[1].bool_value
    assert (scale.float_value, mode.string_value, count.int_value) == (2.5, "mode", 7)
    assert (other.name, other.kind) == ("other", compile_pb2.INPUT_KIND_FLOAT)
    (spec,) = _capture.input_specs((linalgd.TensorSpec(dtype="int64", shape=(-1, "n", 3)),), {}, None)
    assert spec == compile_pb2.InputSpec(dtype="int64", shape=[-1, -1, 3], symbols=["", "n", ""])
    for wrong, text in (
        (({1: image},), "keys of a dict must be strings, not 1"),
        ((linalgd.TensorSpec(shape=(3,)),), "has a dtype"),
    ):
        with pytest.raises(linalgd.InputError, match=text):
            _capture.input_specs(wrong, {}, None)
    for dynamic, text in (
        (([None],), "input 0 has 2 items"),
        (([{3: "x"}, None],), "has no dimension 3"),
        (([{0: 2 * batch}, None],), "is no plain dimension"),
    ):
        with pytest.raises(linalgd.InputError, match=text):
            _capture.input_specs(([image, image],), {}, dynamic)


def test_capture_error_keeps_pytorchs_text(server: FakeServer, client: linalgd.Client) -> None:
    with pytest.raises(linalgd.CaptureError, match="cannot export Branches") as caught:
        client.submit(Branches(), (torch.ones(3),))
    error = caught.value
    assert isinstance(error, linalgd.CompileError)
    assert error.code == "INVALID_ARGUMENT"
    (diagnostic,) = error.diagnostics
    assert "data-dependent" in diagnostic.message
    assert "torch.cond" in diagnostic.hint
    assert diagnostic.location is not None
    assert Path(diagnostic.location.file) == Path(__file__)
    assert error.__cause__ is not None
    assert not server.requests


def test_hints_fit_the_problem(server: FakeServer, client: linalgd.Client) -> None:
    def hint(*args: Any, **options: Any) -> str:
        with pytest.raises(linalgd.CaptureError) as caught:
            client.submit(*args, **options)
        return caught.value.diagnostics[0].hint

    assert "example inputs of a whole call" in hint(Model())
    fixed = {"x": {1: torch.export.Dim("width")}, "scale": None}
    assert "contradict each other" in hint(Model(), (torch.ones(4, 3),), dynamic_shapes=fixed)
    assert "torch.compile" in hint(lambda x: x.no_such_method(), (torch.ones(1),))
    assert not server.requests


def test_callables(server: FakeServer, client: linalgd.Client) -> None:
    model = Model().eval()

    def function(x: Any, y: Any) -> Any:
        return {"sum": x + model(y).sum()}

    dynamic = {"x": None, "y": {0: torch.export.Dim("batch")}}
    client.submit(function, (torch.ones(1), torch.ones(4, 3)), dynamic_shapes=dynamic)
    assert b'"sum\\' in sent(server)["models/model.json"]
    weight = model.linear.weight.detach().numpy().tobytes()
    assert weight in sent(server).values()
    client.submit(model.forward, (torch.ones(4, 3),))
    assert b"owner.linear.weight" in sent(server)["data/weights/model_weights_config.json"]
    client.submit(torch.fx.symbolic_trace(model, {"scale": None}), (torch.ones(4, 3),))
    assert b"linear.weight" in sent(server)["data/weights/model_weights_config.json"]
    with pytest.raises(linalgd.InputError, match="not Model"):
        client.submit(Model, (torch.ones(4, 3),))


def test_small_tables_of_a_model_without_data(server: FakeServer, client: linalgd.Client) -> None:
    with torch.device("meta"):
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), Tables())
    client.submit(model, (torch.ones(2, 4),))
    angles = torch.arange(4.0).numpy().tobytes()
    # Only that which has an initialiser: `other` would have the same bytes.
    assert list(sent(server).values()).count(angles) == 1
    assert model[1].angles.is_meta
