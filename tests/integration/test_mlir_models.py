"""MLIR as a model: text and bytecode in, through the daemon and the clients."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import linalgd
from daemon import Daemon, binary
from models.comparison import assert_like_eager

ADD = """
func.func @forward(%x: !torch.vtensor<[?,3],f32>) -> !torch.vtensor<[?,3],f32> {
  %one = torch.constant.int 1
  %w = torch.vtensor.literal(dense_resource<w> : tensor<3xf32>) : !torch.vtensor<[3],f32>
  %y = torch.aten.add.Tensor %x, %w, %one
      : !torch.vtensor<[?,3],f32>, !torch.vtensor<[3],f32>, !torch.int -> !torch.vtensor<[?,3],f32>
  return %y : !torch.vtensor<[?,3],f32>
}
"""
DATA = np.array([1, 2, 3], np.float32)
WITH_DATA = f"""{ADD}
{{-# dialect_resources: {{ builtin: {{ w: "0x04000000{DATA.tobytes().hex()}" }} }} #-}}
"""
X = np.arange(6, dtype=np.float32).reshape(2, 3)


class Net(nn.Module):
    """A convolution, a norm whose running mean is written, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 3, 8, 8) to (batch, 5)."""
        self.calls.add_(1)
        return self.head(self.conv(x).relu_().mean((2, 3)))


def linalgc(daemon: Daemon, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [str(binary("linalgc")), "--server", daemon.address, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def refusal(client: linalgd.Client, text: str, **options: Any) -> linalgd.CompileError:
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(text, **options).result(timeout=60)
    return caught.value


def test_text_is_compiled(client: linalgd.Client) -> None:
    f = client.compile(WITH_DATA)
    assert f.signature["inputs"] == [
        {"name": "arg0", "kind": "tensor", "dtype": "float32", "shape": ["s0", 3]}
    ]
    np.testing.assert_array_equal(f(X), X + DATA)


def test_weights_of_text(client: linalgd.Client, tmp_path: Path) -> None:
    artifact = client.submit(WITH_DATA, weights="external").result(timeout=60)
    (weight,) = artifact.weights
    assert b"".join(artifact.weight_data(weight)) == DATA.tobytes()
    assert DATA.tobytes().hex().upper() in artifact.text(weights="inline").upper()
    other = WITH_DATA.replace(DATA.tobytes().hex(), (2 * DATA).tobytes().hex())
    assert client.submit(other, weights="external").result(timeout=60).key != artifact.key
    client.submit(WITH_DATA, emit="executable", weights="external").result().save(tmp_path / "m.so")
    np.testing.assert_array_equal(linalgd.load(tmp_path / "m.so")(X), X + DATA)
    unbound = client.compile(ADD)
    assert list(unbound.unbound) == ["w"]


@pytest.mark.parametrize("emit", ["torch-raw", "torch", "linalg"])
def test_each_stage_goes_on(client: linalgd.Client, tmp_path: Path, emit: str) -> None:
    torch.manual_seed(0)
    model = Net().eval()
    x = torch.randn(2, 3, 8, 8)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    with torch.no_grad():
        expected = model(x)
    stage = client.submit(program, emit=emit).result(timeout=60)
    whole = client.submit(program).result(timeout=60)
    path = tmp_path / "stage.mlir"
    path.write_text(stage.text(weights="inline"))
    again = client.submit(path).result(timeout=60)
    assert _plain(again.text()) == _plain(whole.text())
    assert [slot["slot"] for slot in again.signature["slots"]] == [
        slot["slot"] for slot in whole.signature["slots"]
    ]
    if emit != "linalg":
        assert again.signature["state"] == whole.signature["state"]
    f = client.compile(path)
    result = f(x)
    assert_like_eager(result if emit != "linalg" else result[0], expected)


def _plain(text: str) -> str:
    """Without locations and aliases' numbers."""
    done = subprocess.run(
        ["mlir-opt-22", "--strip-debuginfo"], input=text, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_key_is_of_what_it_says(client: linalgd.Client) -> None:
    plain = client.submit(ADD).result(timeout=60)
    other = ADD.replace("%x", "%in").replace("%y", "%17").replace("  return", "  // done\n\n  return")
    same = client.submit(other).result(timeout=60)
    assert same.key == plain.key
    assert same.cached
    assert client.submit(ADD.replace("int 1", "int 2")).result(timeout=60).key != plain.key


def test_bytecode(client: linalgd.Client, daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "m.mlirbc"
    subprocess.run(
        [binary("linalgd-opt"), "--emit-bytecode", "-o", path], input=WITH_DATA, text=True, check=True
    )
    artifact = client.submit(path).result(timeout=60)
    assert b"".join(artifact.weight_data(artifact.weights[0])) == DATA.tobytes()
    assert artifact.key == client.submit(path.read_bytes()).result(timeout=60).key
    assert linalgc(daemon, "compile", path, "-o", tmp_path / "m.mlir").returncode == 0
    np.testing.assert_array_equal(client.compile(path)(X), X + DATA)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2 :] = b""
    assert refusal(client, bytes(damaged)).code == "INVALID_ARGUMENT"  # type: ignore[arg-type]


def test_errors_have_places(client: linalgd.Client, daemon: Daemon, tmp_path: Path) -> None:
    error = refusal(client, "func.func @main() {\n  %0 = foo.bar\n  return\n}\n")
    assert error.code == "INVALID_ARGUMENT"
    (diagnostic,) = error.diagnostics
    assert str(diagnostic.location) == "model.mlir:2:8"
    assert "Dialect `foo' not found" in diagnostic.message
    assert "linalgd reads the torch dialect" in diagnostic.hint
    path = tmp_path / "wrong.mlir"
    path.write_text("func.func @main() {\n  return %x : f32\n}\n")
    done = linalgc(daemon, "compile", path, "-o", tmp_path / "out.mlir")
    assert done.returncode != 0
    assert "model.mlir:2:10: error: use of undeclared SSA value name" in done.stderr


def test_ops_without_a_lowering_have_places(client: linalgd.Client) -> None:
    error = refusal(
        client,
        "func.func @main(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {\n"
        "  %0 = torch.my.op %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>\n"
        "  return %0 : !torch.vtensor<[2],f32>\n}\n",
    )
    assert error.code == "UNIMPLEMENTED"
    (diagnostic,) = [d for d in error.diagnostics if d.code == "unsupported-op"]
    assert diagnostic.op == "torch.my.op"
    assert str(diagnostic.location) == "model.mlir:2:8"


def test_stages_before_the_model_are_refused(client: linalgd.Client) -> None:
    linalg = "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n  return %x : tensor<2xf32>\n}\n"
    error = refusal(client, linalg, emit="torch")
    assert error.code == "INVALID_ARGUMENT"
    assert "at the stage linalg already" in str(error)
    x = np.ones(2, np.float32)
    np.testing.assert_array_equal(client.compile(linalg)(x), x)


class Scripted(nn.Module):
    """A child of its own class, an attribute that is no tensor, a buffer that is written, a structure."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.scale = 2.0
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """(batch, 3) to (batch, 4) and what it was made of."""
        self.calls.add_(1)
        y = self.layer(x)
        if self.scale > 1.0:
            y = y * self.scale
        return y, {"x": x + self.calls, "y": y.relu()}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("emit", ["torch-raw", "torch"])
def test_objects_come_back(client: linalgd.Client, tmp_path: Path, emit: str) -> None:
    torch.manual_seed(0)
    scripted = torch.jit.script(Scripted().eval())
    x = torch.randn(2, 3)
    stage = client.submit(scripted, (x,), emit=emit, weights="inline").result(timeout=60)
    if emit == "torch-raw":
        assert "torch.nn_module" in stage.text()
    (tmp_path / "stage.mlir").write_text(stage.text(weights="inline"))
    again = client.submit(tmp_path / "stage.mlir", emit=emit, weights="inline").result(timeout=60)
    assert _without_places(again.text()) == _without_places(stage.text())
    f = client.compile(tmp_path / "stage.mlir")
    assert sorted(slot["slot"] for slot in f.signature["slots"]) == [
        "calls",
        "layer.bias",
        "layer.weight",
    ]
    with torch.no_grad():
        for _ in range(2):
            assert_like_eager(f(x), scripted(x))


def _without_places(text: str) -> list[str]:
    """The lines without locations, which number the ops of what was read; constants are in any order."""
    lines = (line for line in text.splitlines() if not line.startswith("#loc"))
    return sorted(re.sub(r" loc\((\w+|#\w+|\"\w+\")\)", "", line) for line in lines)


OBJECTS = """
torch.class_type @M {
  torch.attr private "w" : !torch.tensor
  torch.method "forward", @M.forward
}
%w = torch.tensor.literal(dense<[1.0, 2.0, 3.0]> : tensor<3xf32>) : !torch.tensor<[3],f32>
%m = torch.nn_module { torch.slot "w", %w : !torch.tensor<[3],f32> } : !torch.nn.Module<"M">
func.func private @M.forward(%self: !torch.nn.Module<"M">,
    %x: !torch.tensor {torch.type_bound = !torch.vtensor<[?,3],f32>}) -> !torch.tensor {
  %one = torch.constant.int 1
  %v = torch.prim.GetAttr %self["w"] : !torch.nn.Module<"M"> -> !torch.tensor
  %y = torch.aten.add.Tensor %x, %v, %one : !torch.tensor, !torch.tensor, !torch.int -> !torch.tensor
  return %y : !torch.tensor
}
"""
SLOTS = """
torch.global_slot "private" @w : !torch.tensor
torch.global_slot.module_initializer {
  %w = torch.tensor.literal(dense<[1.0, 2.0, 3.0]> : tensor<3xf32>) : !torch.tensor<[3],f32>
  torch.initialize.global_slots [
    @w(%w : !torch.tensor<[3],f32>)
  ]
}
func.func @forward(%x: !torch.tensor {torch.type_bound = !torch.vtensor<[?,3],f32>}) -> !torch.tensor {
  %one = torch.constant.int 1
  %w = torch.global_slot.get @w : !torch.tensor
  %y = torch.aten.add.Tensor %x, %w, %one : !torch.tensor, !torch.tensor, !torch.int -> !torch.tensor
  return %y : !torch.tensor
}
"""


@pytest.mark.parametrize("text", [OBJECTS, SLOTS], ids=["objects", "slots"])
def test_programs_as_torch_mlir_writes_them(client: linalgd.Client, text: str) -> None:
    f = client.compile(text)
    assert [entry["shape"] for entry in f.signature["inputs"]] == [["s0", 3]]
    np.testing.assert_array_equal(f(X), X + DATA)


def test_ops_that_the_peers_lack(client: linalgd.Client) -> None:
    text = """
func.func @main(%x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %0 = torch.operator "torch.aten.erfc"(%x) : (!torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32>
  return %0 : !torch.vtensor<[4],f32>
}
"""
    x = torch.linspace(-1, 1, 4)
    assert_like_eager(client.compile(text)(x), torch.special.erfc(x))
    artifact = client.submit(text, emit="torch-raw").result(timeout=60)
    assert 'torch.operator "torch.aten.erfc"(%arg0)' in artifact.text()
    assert client.submit(artifact.text(), emit="torch-raw").result(timeout=60).key == artifact.key


def test_bytecode_is_not_believed(client: linalgd.Client, tmp_path: Path) -> None:
    """Each refused byte is an error of the model, not the end of a worker."""
    path = tmp_path / "m.mlirbc"
    subprocess.run(
        [binary("linalgd-opt"), "--emit-bytecode", "-o", path], input=WITH_DATA, text=True, check=True
    )
    whole = path.read_bytes()
    for place in range(40, len(whole), len(whole) // 12):
        damaged = whole[:place] + b"\x00" + b"\xff" * 8 + whole[place + 9 :]
        error = refusal(client, damaged)  # type: ignore[arg-type]
        assert error.code == "INVALID_ARGUMENT"
        assert "broken at byte" in str(error)
