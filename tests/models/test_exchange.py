"""Text passes between linalgd, torch-mlir, IREE and mlir-opt: they take ours, and we take theirs."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import linalgd
from models.comparison import assert_like_eager
from models.zoo import ZOO, Sample, make
from peers import Peers, install

# All models of the zoo take hours of the peers' time.
MODELS = list(ZOO) if os.environ.get("LINALGD_EXCHANGE") == "all" else ["resnet18", "bert"]
# torch-mlir's importer is slow, and refuses most of Hugging Face's models.
IMPORTED = [name for name in MODELS if name != "bert"] + ["mlp-gelu"]
LOWER = (
    "--pass-pipeline=builtin.module(func.func(torch-decompose-complex-ops),"
    "torch-backend-to-linalg-on-tensors-backend-pipeline)"
)
IREE_TARGET = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu")
IREE_QUIET = "--iree-llvmcpu-target-cpu=generic"

IMPORT = """
import sys, torch
from torch_mlir import fx
program = torch.export.load(sys.argv[1])
open(sys.argv[3], "w").write(str(fx.export_and_import(program, output_type=sys.argv[2])))
"""


@pytest.fixture(scope="session")
def peers() -> Peers:
    """torch-mlir and IREE."""
    return install()


@cache
def program(name: str, dynamic: bool = False) -> Any:
    sample = make(name)
    shapes = sample.dynamic_shapes if dynamic else None
    return torch.export.export(sample.model, sample.args, dict(sample.kwargs), dynamic_shapes=shapes)


def expected(sample: Sample) -> Any:
    with torch.no_grad():
        return sample.model(*sample.args, **sample.kwargs)


def emitted(client: linalgd.Client, path: Path, name: str, dynamic: bool = False, **options: Any) -> Path:
    """A stage's text of a model of the zoo, in a file."""
    return client.submit(program(name, dynamic), **options).result(timeout=120).save(path)


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("stage", ["torch-raw", "torch"])
def test_torch_mlir_takes_our_torch(
    client: linalgd.Client, peers: Peers, tmp_path: Path, stage: str, name: str, dynamic: bool
) -> None:
    path = emitted(client, tmp_path / "m.mlir", name, dynamic, emit=stage)
    peers.accept("torch-mlir-opt", path, "-o", tmp_path / "out.mlir")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_torch_mlir_takes_our_torchscript(client: linalgd.Client, peers: Peers, tmp_path: Path) -> None:
    sample = make("mlp-relu-inplace")
    scripted = torch.jit.script(sample.model)
    for stage in ("torch-raw", "torch"):
        artifact = client.submit(scripted, sample.args, emit=stage).result(timeout=60)
        peers.accept("torch-mlir-opt", artifact.save(tmp_path / "m.mlir"), "-o", tmp_path / "out.mlir")


@pytest.mark.parametrize("name", MODELS)
def test_torch_mlir_lowers_our_torch(client: linalgd.Client, peers: Peers, tmp_path: Path, name: str) -> None:
    path = emitted(client, tmp_path / "m.mlir", name, emit="torch")
    peers.accept("torch-mlir-opt", LOWER, path, "-o", tmp_path / "linalg.mlir")
    assert "linalg." in (tmp_path / "linalg.mlir").read_text()


@pytest.mark.parametrize("kind", ["raw", "torch"])
@pytest.mark.parametrize("name", IMPORTED)
def test_we_take_what_torch_mlir_imports(
    client: linalgd.Client, peers: Peers, tmp_path: Path, name: str, kind: str
) -> None:
    torch.export.save(program(name), tmp_path / "m.pt2")
    peers.accept("python", "-c", IMPORT, tmp_path / "m.pt2", kind, tmp_path / "m.mlir")
    sample = make(name)
    assert_like_eager(client.compile(tmp_path / "m.mlir")(*sample.args), expected(sample))


def test_ops_that_we_lack_pass_through(client: linalgd.Client, peers: Peers, tmp_path: Path) -> None:
    text = """
func.func @main(%x: !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,3],f32> {
  %0 = torch.aten.erfinv %x : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[2,3],f32>
  %1 = torch.operator "torch.mine.op"(%0) : (!torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,3],f32>
  return %1 : !torch.vtensor<[2,3],f32>
}
"""
    artifact = client.submit(text, emit="torch", keep_ops=["mine.op"]).result(timeout=60)
    assert 'torch.operator "torch.mine.op"' in artifact.text()
    peers.accept("torch-mlir-opt", artifact.save(tmp_path / "m.mlir"), "-o", tmp_path / "out.mlir")


@pytest.mark.parametrize("name", MODELS)
def test_iree_takes_our_torch(client: linalgd.Client, peers: Peers, tmp_path: Path, name: str) -> None:
    path = emitted(client, tmp_path / "m.mlir", name, True, emit="torch")
    peers.accept(
        "iree-compile", "--iree-input-type=torch", "--compile-to=input", path, "-o", tmp_path / "out.mlir"
    )


@pytest.mark.parametrize("weights", ["inline", "params"])
@pytest.mark.parametrize("emit", ["torch", "linalg"])
def test_iree_runs_our_text(
    client: linalgd.Client, peers: Peers, tmp_path: Path, emit: str, weights: Any
) -> None:
    name = "bert"
    artifact = client.submit(program(name), emit=emit, weights=weights).result(timeout=60)
    path = artifact.save(tmp_path / "m.mlir")
    artifact.save_weights(tmp_path / "m.safetensors")
    kind = "torch" if emit == "torch" else "none"
    peers.accept(
        "iree-compile", *IREE_TARGET, IREE_QUIET, f"--iree-input-type={kind}", path, "-o", tmp_path / "m.vmfb"
    )
    sample = make(name)
    inputs = [value.numpy() for value in (*sample.args, *sample.kwargs.values())]
    arguments: list[str | Path] = []
    for number, value in enumerate(inputs):
        np.save(tmp_path / f"in{number}.npy", value)
        arguments.append(f"--input=@{tmp_path}/in{number}.npy")
    results = torch.utils._pytree.tree_leaves(expected(sample))
    for number, _ in enumerate(results):
        arguments.append(f"--output=@{tmp_path}/out{number}.npy")
    if weights == "params":
        arguments.append(f"--parameters=model={tmp_path}/m.safetensors")
    peers.accept("iree-run-module", f"--module={tmp_path}/m.vmfb", "--function=main", *arguments)
    for number, result in enumerate(results):
        found = np.load(tmp_path / f"out{number}.npy")
        np.testing.assert_allclose(found, result.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("weights", ["inline", "params"])
@pytest.mark.parametrize("name", MODELS)
def test_linalg_text_is_taken(
    client: linalgd.Client, peers: Peers, tmp_path: Path, name: str, weights: Any
) -> None:
    path = emitted(client, tmp_path / "m.mlir", name, True, weights=weights)
    peers.accept("iree-compile", "--compile-to=input", path, "-o", tmp_path / "out.mlir")
    if weights == "inline":
        done = subprocess.run(
            ["mlir-opt-22", path, "-o", tmp_path / "o.mlir"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[:2000]
        assert re.search(r"linalg\.\w+", (tmp_path / "o.mlir").read_text())
