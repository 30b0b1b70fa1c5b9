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
from torch.utils import _pytree as pytree

import linalgd
from daemon import ROOT, binary
from models.comparison import assert_like_eager
from models.zoo import ZOO, Sample, make
from peers import Peers, install

MODELS = list(ZOO)
# Ops that torch-mlir's and IREE's lowerings lack, by the models that have them.
LACKING = {"loss-kl-div": "torch.aten.xlogy.Tensor"}
# What torch-mlir's importer says of models that it refuses. It takes minutes for the large ones.
NOT_IMPORTED = {"bert": "Could not find state mapping for buffer", "gpt2": "Cannot view a tensor"}
# All of it takes a quarter of an hour.
ALL = os.environ.get("LINALGD_EXCHANGE") == "all"
IMPORTED = MODELS if ALL else ["resnet18", "mlp-rrelu", "loss-nll"]
DYNAMIC = [False, True] if ALL else [True]
# Text with its weights in it, two characters a byte.
INLINED = [name for name in MODELS if name != "vit_b_16"]
LIST = ROOT / "compiler" / "dialect" / "unknown_to_peers.inc"
LOWER = (
    "--pass-pipeline=builtin.module(func.func(torch-decompose-complex-ops),"
    "torch-backend-to-linalg-on-tensors-backend-pipeline)"
)
IREE_TARGET = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu")
IREE_QUIET = "--iree-llvmcpu-target-cpu=generic"

IMPORT = """
import sys, torch, transformers, transformers.cache_utils, transformers.modeling_outputs
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


def accept(peers: Peers, name: str, tool: str, *arguments: str | Path) -> None:
    """The peer takes a model's text, or says which op it lacks."""
    if name not in LACKING:
        peers.accept(tool, *arguments)
        return
    done = peers.run(tool, *arguments)
    assert done.returncode != 0
    assert LACKING[name] in done.stderr


def test_the_list_of_ops_that_torch_mlir_lacks(peers: Peers, tmp_path: Path) -> None:
    """compiler/dialect/unknown_to_peers.inc: those are printed as torch.operator."""
    listed = subprocess.run([binary("linalgd-opt"), "--list-ops"], capture_output=True, text=True, check=True)
    names = {line.split("\t")[2].partition("(")[0].replace("::", ".") for line in listed.stdout.splitlines()}
    path = tmp_path / "ops.mlir"
    path.write_text("\n// -----\n".join(f'"torch.{name}"() : () -> ()' for name in sorted(names)))
    done = peers.run("torch-mlir-opt", "--split-input-file", path, "-o", tmp_path / "out.mlir")
    unknown = set(re.findall(r"unregistered operation 'torch\.(\S+)' found in dialect", done.stderr))
    kept = set(re.findall(r'^"(.*)",$', LIST.read_text(), re.MULTILINE))
    assert kept - unknown == set(), f"torch-mlir has these: remove them from {LIST.name}"
    assert unknown - kept == set(), f"torch-mlir lacks these: add them to {LIST.name}"


@pytest.mark.parametrize("dynamic", DYNAMIC)
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
    accept(peers, name, "torch-mlir-opt", LOWER, path, "-o", tmp_path / "linalg.mlir")


@pytest.mark.parametrize("kind", ["raw", "torch", "linalg-on-tensors"])
@pytest.mark.parametrize("name", IMPORTED)
def test_we_take_what_torch_mlir_imports(
    client: linalgd.Client, peers: Peers, tmp_path: Path, name: str, kind: str
) -> None:
    torch.export.save(program(name), tmp_path / "m.pt2")
    command = ("python", "-c", IMPORT, tmp_path / "m.pt2", kind, tmp_path / "m.mlir")
    if name in NOT_IMPORTED:
        assert NOT_IMPORTED[name] in peers.run(*command).stderr
        return
    peers.accept(*command)
    sample = make(name)
    found = client.compile(tmp_path / "m.mlir")(*sample.args)
    # MLIR says nothing of how results are structured.
    assert_like_eager(pytree.tree_leaves(found), pytree.tree_leaves(expected(sample)))


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
    arguments = ("--iree-input-type=torch", "--compile-to=input", path, "-o", tmp_path / "out.mlir")
    accept(peers, name, "iree-compile", *arguments)


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


@pytest.mark.parametrize(
    ("name", "weights"), [(name, "params") for name in MODELS] + [(name, "inline") for name in INLINED]
)
def test_linalg_text_is_taken(
    client: linalgd.Client, peers: Peers, tmp_path: Path, name: str, weights: Any
) -> None:
    path = emitted(client, tmp_path / "m.mlir", name, True, weights=weights)
    peers.accept("iree-compile", "--compile-to=input", path, "-o", tmp_path / "out.mlir")


@pytest.mark.parametrize("name", MODELS)
def test_mlir_opt_takes_our_linalg(client: linalgd.Client, tmp_path: Path, name: str) -> None:
    path = emitted(client, tmp_path / "m.mlir", name, True)
    done = subprocess.run(
        ["mlir-opt-22", path, "-o", tmp_path / "o.mlir"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:2000]


@pytest.mark.parametrize("stage", ["torch-raw", "torch"])
@pytest.mark.parametrize("name", MODELS)
def test_we_take_our_own_text(client: linalgd.Client, tmp_path: Path, name: str, stage: str) -> None:
    """What is read again is the same program, and compiles to the same linalg."""
    path = emitted(client, tmp_path / "m.mlir", name, True, emit=stage)
    again = client.submit(path, emit=stage).result(timeout=120)
    assert _lines(again.text()) == _lines(path.read_text())
    whole = client.submit(program(name, True)).result(timeout=120)
    assert _lines(client.submit(path).result(timeout=120).text()) == _lines(whole.text())


def _lines(text: str) -> list[str]:
    """What the text says, apart from locations, which are numbers of nodes or of the ops of what was read.

    The order and the numbers of values do not count: folding leaves constants in another order after
    reading them again.
    """
    lines = (line for line in text.splitlines() if not line.startswith("#loc"))
    plain = (re.sub(r" loc\([^()]*(\([^()]*\))?[^()]*\)", "", line) for line in lines)
    return sorted(re.sub(r"%\w+", "%", line) for line in plain)
