"""The whole way: every model of the zoo through the daemon and both clients, against eager PyTorch."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils import _pytree as pytree

import linalgd
from daemon import Daemon, binary
from models.comparison import assert_like_eager
from models.zoo import ZOO, Sample, make

MLIR_OPT = "mlir-opt-22"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that goes with the test: pytest's own would keep gigabytes of libraries."""
    with tempfile.TemporaryDirectory(prefix="linalgd-test-") as name:
        yield Path(name)


def export(sample: Sample, dynamic: bool) -> Any:
    shapes = sample.dynamic_shapes if dynamic else None
    return torch.export.export(sample.model, sample.args, dict(sample.kwargs), dynamic_shapes=shapes)


def linalgc(daemon: Daemon, *arguments: Any) -> str:
    command = [str(binary("linalgc")), "--server", daemon.address, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_numpy(value: Any) -> Any:
    return pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.detach().numpy(), value)


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("name", ZOO)
def test_model(client: linalgd.Client, daemon: Daemon, folder: Path, name: str, dynamic: bool) -> None:
    sample = make(name)
    program = export(sample, dynamic)
    compiled = client.compile(program)
    for batch in (2, 1, 5) if dynamic else (2,):
        inputs = make(name, batch)
        with torch.no_grad():
            expected = inputs.model(*inputs.args, **inputs.kwargs)
        assert_like_eager(compiled(*inputs.args, **inputs.kwargs), expected)

    torch.export.save(program, folder / "model.pt2")
    linalgc(daemon, "compile", folder / "model.pt2", "--emit", "executable", "-o", folder / "model.so")
    loaded = linalgd.load(folder / "model.so")
    assert loaded.signature["key"] == compiled.signature["key"]
    with torch.no_grad():
        expected = sample.model(*sample.args, **sample.kwargs)
    assert_like_eager(loaded(*in_numpy(sample.args), **in_numpy(sample.kwargs)), expected)


# PyTorch's decompositions refuse GPT-2's views.
@pytest.mark.parametrize("name", [name for name in ZOO if "-" in name or name in ("resnet18", "bert")])
def test_core_aten(client: linalgd.Client, name: str) -> None:
    """Programs in the core ATen operator set, into which PyTorch decomposes them for back ends."""
    sample = make(name)
    compiled = client.compile(export(sample, dynamic=True).run_decompositions())
    with torch.no_grad():
        expected = sample.model(*sample.args, **sample.kwargs)
    assert_like_eager(compiled(*sample.args, **sample.kwargs), expected)


@pytest.mark.parametrize("name", [name for name in ZOO if "-" not in name])
def test_linalg_text_is_mlir(client: linalgd.Client, name: str) -> None:
    artifact = client.submit(export(make(name), dynamic=True)).result(timeout=60)
    text = artifact.text()
    assert "linalg." in text
    done = subprocess.run([MLIR_OPT], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
    slots = {slot["slot"] for slot in artifact.signature["slots"]}
    assert slots == {weight.slot for weight in artifact.weights}


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v3_small", "vit_b_16", "bert", "gpt2", "mlp-relu-inplace", "loss-nll"]
)
def test_traced_module(client: linalgd.Client, name: str) -> None:
    sample = make(name)
    inputs = (*sample.args, *sample.kwargs.values())
    traced = torch.jit.trace(sample.model, inputs, strict=False, check_trace=False)
    with torch.no_grad():
        expected = traced(*inputs)  # with plain dicts where the module has classes of its own
    assert_like_eager(client.compile(traced, inputs)(*inputs), expected)


class Flow(torch.nn.Module):
    """A loop of three rounds, a branch and a loop that the data decide."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 8) to (batch, 8)."""
        for _ in range(3):
            x = self.linear(x).relu()
        x = x * 2 if bool(x.sum() > 1) else x - 1
        while bool(x.abs().max() > 0.25):
            x = x * 0.5
        return x


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "vit_b_16", "mlp-gelu"])
def test_scripted_module(client: linalgd.Client, name: str) -> None:
    sample = make(name)
    scripted = torch.jit.script(sample.model)
    with torch.no_grad():
        expected = scripted(*sample.args)
    assert_like_eager(client.compile(scripted, sample.args)(*sample.args), expected)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_data_dependent_control_flow(client: linalgd.Client) -> None:
    torch.manual_seed(0)
    model = Flow().eval()
    compiled = client.compile(torch.jit.script(model), (torch.ones(2, 8),))
    for scale in (0.0, 0.1, 50.0):
        x = torch.randn(2, 8) * scale
        with torch.no_grad():
            expected = model(x)
        assert_like_eager(compiled(x), expected)


def test_weights_beside_the_executable(client: linalgd.Client, daemon: Daemon, folder: Path) -> None:
    sample = make("mlp-relu")
    program = export(sample, dynamic=False)
    expected = sample.model(*sample.args)
    client.submit(program, emit="executable", weights="external").result().save(folder / "py.so")
    torch.export.save(program, folder / "m.pt2")
    linalgc(
        daemon, "compile", folder / "m.pt2", "--emit", "executable", "--weights", "external",
        "-o", folder / "cli.so",
    )  # fmt: skip
    for library in ("py.so", "cli.so"):
        loaded = linalgd.load(folder / library)
        assert loaded.signature["weights"] == "external"
        assert_like_eager(loaded(*sample.args), expected)
    (folder / "cli.safetensors").unlink()
    with pytest.raises(linalgd.InputError, match=r"first\.weight"):
        linalgd.load(folder / "cli.so")(*sample.args)


def test_text_with_weights_is_mlir(client: linalgd.Client) -> None:
    program = export(make("mlp-relu"), dynamic=False)
    artifact = client.submit(program).result()
    inline = client.submit(program, weights="inline").result()
    for text in (artifact.text(weights="inline"), inline.text(weights="inline"), inline.text()):
        done = subprocess.run([MLIR_OPT], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[:2000]
    assert inline.key != artifact.key


def test_same_model_saved_twice_is_cached(client: linalgd.Client, daemon: Daemon, folder: Path) -> None:
    keys = []
    for number in (1, 2):
        path = folder / f"save-{number}.pt2"
        torch.export.save(export(make("mlp-softplus"), dynamic=False), path)
        answer = json.loads(
            linalgc(daemon, "--json", "compile", path, "--entry", "saved", "-o", folder / "m.mlir")
        )
        assert answer["cached"] == (number == 2)
        keys.append(answer["key"])
    assert keys[0] == keys[1]
