"""Executables, loaded and called without a server; the libraries are written by hand in C."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import linalgd
from fake_server import FakeServer, succeed
from linalgd import _safetensors
from linalgd._dtypes import DTYPES
from linalgd.v1 import compile_pb2

W = np.array([1, 10, 100], np.float32)
Libraries = Callable[..., Path]


@pytest.fixture
def affine(libraries: Libraries) -> linalgd.Executable:
    return linalgd.load(libraries("affine"), weights={"w": W})


def test_structure_and_values(affine: linalgd.Executable) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    result = affine(x, True, scale=5)
    assert list(result) == ["y", "n", "same", "nothing"]
    np.testing.assert_array_equal(result["y"], x * W + 5)
    assert result["n"] == 5
    assert type(result["n"]) is int
    assert result["same"] is x
    assert result["nothing"] is None
    assert affine.inputs[0] == linalgd.TensorSpec("x", "tensor", "float32", ("s0", 3))
    assert [output.kind for output in affine.outputs] == ["tensor", "int", "input", "constant"]


def test_strided_and_empty_inputs(affine: linalgd.Executable) -> None:
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_array_equal(affine(x[::-2], True, scale=0)["y"], x[::-2] * W)
    np.testing.assert_array_equal(affine(np.asfortranarray(x), True, scale=0)["y"], x * W)
    packed = np.zeros(2, dtype=[("a", "i1"), ("v", "f4", 3)])  # strides that are no whole elements
    np.testing.assert_array_equal(affine(packed["v"], True, scale=1)["y"], np.ones((2, 3)))
    assert affine(x[:0], True, scale=0)["y"].shape == (0, 3)


def test_torch_in_torch_out(affine: linalgd.Executable) -> None:
    torch = pytest.importorskip("torch")
    x = torch.arange(6.0).reshape(3, 2).T.requires_grad_()
    result = affine(x, True, scale=torch.tensor(2))
    assert isinstance(result["y"], torch.Tensor)
    torch.testing.assert_close(result["y"], x.detach() * torch.from_numpy(W) + 2)
    assert affine(x.detach()[:0], True, scale=0)["y"].shape == (0, 3)
    assert isinstance(affine(x.detach().numpy(), True, scale=0)["y"], np.ndarray)


def test_outputs_own_their_memory(libraries: Libraries) -> None:
    path = libraries("affine")
    executable = linalgd.load(path, weights={"w": W})
    alive = executable._library._functions.test_alive
    x = np.ones((1000, 3), np.float32)
    result = executable(x, True, scale=1)["y"]
    view = result[5:].reshape(-1)
    assert alive() == 1
    del result
    assert alive() == 1
    del executable
    gc.collect()
    np.testing.assert_array_equal(view.reshape(-1, 3), x[5:] * W + 1)
    assert alive() == 1
    del view, alive
    gc.collect()
    maps = Path("/proc/self/maps").read_text()
    assert str(path.resolve()) not in maps  # the last output let the library go


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((np.zeros((1, 3)), True), {"scale": 1}, "input 'x' must be float32, not float64"),
        (([1.0], True), {"scale": 1}, "input 'x' must be an array or tensor of float32, not list"),
        ((np.zeros((1, 4), np.float32), True), {"scale": 1}, r"input 'x' needs the shape \[s0, 3\]"),
        ((W[None], False), {"scale": 1}, "input 'flag' was fixed to True"),
        ((W[None], 1), {"scale": 1}, "input 'flag' was fixed to True"),
        ((W[None], True), {"scale": 1.5}, "input 'scale' must be int, not float"),
        ((W[None], True), {"scale": True}, "input 'scale' must be int, not bool"),
        ((W[None], True), {}, r"missing \['scale'\]"),
        ((W[None], True), {"scale": 1, "more": 2}, r"unexpected \['more'\]"),
        ((W[None],), {"scale": 1}, "1 positional inputs given, but the model was exported with 2"),
    ],
)
def test_wrong_inputs(affine: linalgd.Executable, args: Any, kwargs: Any, text: str) -> None:
    with pytest.raises(linalgd.InputError, match=text):
        affine(*args, **kwargs)


def test_error_inside_the_model(affine: linalgd.Executable) -> None:
    with pytest.raises(linalgd.ExecutionError, match="scale is negative"):
        affine(W[None], True, scale=-1)


def test_external_weights(libraries: Libraries, tmp_path: Path) -> None:
    library = tmp_path / "model.so"
    shutil.copy(libraries("affine"), library)
    executable = linalgd.load(library)
    assert executable.unbound == ["w"]
    with pytest.raises(linalgd.InputError, match="'w' is not bound"):
        executable(W[None], True, scale=0)
    with pytest.raises(linalgd.InputError, match="no weight 'q'"):
        executable.bind("q", W)
    with pytest.raises(linalgd.InputError, match=r"needs the shape \[3\]"):
        executable.bind("w", W[:2])
    with pytest.raises(linalgd.InputError, match="must be float32"):
        executable.bind("w", W.astype(int))
    beside = tmp_path / "model.safetensors"
    head, _ = _safetensors.layout([_safetensors.Entry("w", "float32", (3,))])
    beside.write_bytes(head + W.tobytes())
    for loaded in (linalgd.load(library), linalgd.load(library, weights=beside)):
        assert loaded.unbound == []
        np.testing.assert_array_equal(loaded(W[None], True, scale=0)["y"], W[None] * W)
    beside.write_bytes(head[:40])
    with pytest.raises(linalgd.InputError, match="cannot read the weights"):
        linalgd.load(library)


def test_state_is_kept_and_inputs_are_written(libraries: Libraries) -> None:
    executable = linalgd.load(libraries("counter"))
    x = np.array([10, 20])
    assert [int(executable(x)) for _ in range(3)] == [1, 2, 3]
    np.testing.assert_array_equal(x, [16, 26])
    assert int(executable.state["count"]) == 3
    assert int(linalgd.load(libraries("counter"))(x)) == 1  # a handle of its own
    torch = pytest.importorskip("torch")
    y = torch.tensor([0, 0])
    assert int(executable(x=y)) == 4
    assert y.tolist() == [4, 4]
    x.setflags(write=False)
    with pytest.raises(linalgd.InputError, match="read-only"):
        executable(x)


def test_state_is_taken_reset_and_set(libraries: Libraries) -> None:
    executable = linalgd.load(libraries("counter"))
    x = np.array([10, 20])
    executable(x)
    executable(x)
    taken = dict(executable.state)
    executable.reset()
    assert int(executable.state["count"]) == 0
    assert int(executable(x)) == 1
    executable.bind("count", taken["count"])
    assert [int(executable(x)) for _ in range(2)] == [3, 4]
    executable.reset()  # to what was bound
    assert int(executable(x)) == 3
    assert int(taken["count"]) == 2


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype(libraries: Libraries, name: str) -> None:
    torch = pytest.importorskip("torch")
    dtype = DTYPES[name]
    library = libraries("echo", DTYPE=f'"{name}"', CODE=str(dtype.code), BITS=str(dtype.bits))
    executable = linalgd.load(library)
    x = np.array([0, 1, 1, 2]).astype(dtype.numpy())
    y = executable(x)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, x)
    t = torch.tensor([0, 1, 1, 2]).to(getattr(torch, name))
    assert executable(t).dtype == t.dtype
    assert torch.equal(executable(t), t)
    assert executable(x[:0]).shape == (0,)


def test_bfloat16_slot_takes_torch(libraries: Libraries) -> None:
    torch = pytest.importorskip("torch")
    from linalgd.executable import _as_array

    array = _as_array(torch.tensor([1.5]).bfloat16(), DTYPES["bfloat16"], "w")
    assert array.dtype == ml_dtypes.bfloat16
    assert float(array[0]) == 1.5


def test_replaced_file_is_loaded_anew(libraries: Libraries, tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    shutil.copy(libraries("affine"), path)
    first = linalgd.load(path, weights={"w": W})
    shutil.copy(libraries("counter"), tmp_path / "new")
    (tmp_path / "new").replace(path)
    assert int(linalgd.load(path)(np.array([0, 0]))) == 1
    assert first(W[None], True, scale=3)["n"] == 3


def test_what_is_no_executable(tmp_path: Path) -> None:
    with pytest.raises(linalgd.ExecutionError, match=r"cannot load .*nothing\.so"):
        linalgd.load(tmp_path / "nothing.so")
    (tmp_path / "text.so").write_text("no library")
    with pytest.raises(linalgd.ExecutionError, match=r"text\.so"):
        linalgd.load(tmp_path / "text.so")
    maps = Path("/proc/self/maps").read_text().split()
    libm = next(word for word in maps if "/libm." in word or "/libm-" in word)
    with pytest.raises(linalgd.ExecutionError, match="is no executable of linalgd"):
        linalgd.load(libm)


def test_calls_from_several_threads(affine: linalgd.Executable) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            x = np.full((50, 3), number, np.float32)
            for _ in range(100):
                np.testing.assert_array_equal(affine(x, True, scale=number)["y"], x * W + number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_client_compile(
    server: FakeServer, client: linalgd.Client, libraries: Libraries, tmp_path: Path
) -> None:
    digest = server.add(W.tobytes())
    weight = compile_pb2.WeightBinding(
        slot="w", dtype="float32", shape=[3], bound=True, digest=digest, offset=0, size=12
    )
    server.outcome = succeed(libraries("affine").read_bytes(), "executable", [weight])
    model = tmp_path / "model.mlir"
    model.write_text("module {}")
    before = set(Path(os.environ.get("TMPDIR", "/tmp")).glob("linalgd-*"))
    executable = client.compile(model, weights="external")
    assert server.requests[0].options.emit == "executable"
    np.testing.assert_array_equal(executable(W[None], True, scale=0)["y"], W[None] * W)
    assert set(Path(os.environ.get("TMPDIR", "/tmp")).glob("linalgd-*")) <= before
    artifact = client.submit(model, emit="executable").result()
    with pytest.raises(linalgd.InputError, match="has no text"):
        artifact.text()
    saved = artifact.save(tmp_path / "saved.so")
    assert os.access(saved, os.X_OK)


def test_load_needs_neither_torch_nor_grpc(libraries: Libraries) -> None:
    code = (
        "import sys, numpy as np, linalgd\n"
        f"f = linalgd.load({str(libraries('affine'))!r}, weights={{'w': np.ones(3, 'f4')}})\n"
        "y = f(np.ones((1, 3), 'f4'), True, scale=1)['y']\n"
        "assert y.tolist() == [[2.0, 2.0, 2.0]]\n"
        "assert not {'torch', 'grpc', 'google.protobuf'} & set(sys.modules)\n"
    )
    package = Path(linalgd.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(package)})
