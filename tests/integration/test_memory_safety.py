"""Executables whose sizes or indices contradict what was compiled end with an error, not with the process."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from archives import MODEL, pack
from stubs import DEADLINE
from torch import Tensor, nn
from torch.nn import functional as F

import linalgd

Function = Callable[..., Tensor]


class Of(nn.Module):
    """A function of tensors."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Tensor) -> Tensor:
        return self.function(*args)


def f(*sizes: int) -> Tensor:
    return torch.arange(1.0, 1.0 + torch.Size(sizes).numel()).reshape(sizes)


def i(*values: int) -> Tensor:
    return torch.tensor(values)


KERNEL = f(3, 2, 3, 3)

# What is traced, with tensors that fit and with tensors that do not, and what the error says. All
# dimensions are unknown when it is compiled.
UNKNOWN: dict[str, tuple[Function, tuple[Tensor, ...], tuple[Tensor, ...], str]] = {
    "add": (torch.add, (f(3), f(3)), (f(3), f(5)), "must be"),
    "add one": (torch.add, (f(3), f(3)), (f(3), f(1)), "must be"),
    "add more": (torch.add, (f(3), f(3)), (f(5), f(3)), "must be"),
    "where": (lambda x, y: torch.where(x > 0, x, y), (f(3), f(3)), (f(3), f(2)), "must be"),
    "cat": (lambda x, y: torch.cat((x, y)), (f(2, 3), f(4, 3)), (f(2, 3), f(4, 2)), "must be"),
    "stack": (lambda x, y: torch.stack((x, y)), (f(3), f(3)), (f(3), f(4)), "must be"),
    "mm": (torch.mm, (f(2, 3), f(3, 4)), (f(2, 3), f(2, 4)), "must be"),
    "bmm": (torch.bmm, (f(2, 2, 3), f(2, 3, 4)), (f(2, 2, 3), f(1, 3, 4)), "must be"),
    "linear": (F.linear, (f(2, 3), f(4, 3), f(4)), (f(2, 3), f(4, 3), f(3)), "must be"),
    "view": (lambda x, y: x.view(y.shape), (f(6), f(2, 3)), (f(6), f(2, 4)), "as many elements"),
    "divide by a size": (
        lambda x, y: x.view(-1, y.shape[0]),
        (f(6), f(2)),
        (f(6), f(0)),
        "to divide by must be positive",
    ),
    "expand": (lambda x, y: x.expand(y.shape), (f(3), f(2, 3)), (f(3), f(2, 4)), "must be"),
    "slice": (
        lambda x, y: x[y.shape[0] :] + x[: y.shape[0]],
        (f(6), f(3)),
        (f(6), f(5)),
        "5 must be 1|1 must be 5",
    ),
    "layer norm": (lambda x, y: F.layer_norm(x, (4,), y), (f(2, 4), f(4)), (f(2, 5), f(4)), "must be"),
    "conv": (lambda x: F.conv2d(x, KERNEL), (f(1, 2, 5, 5),), (f(1, 3, 5, 5),), "must be 2"),
    "conv less": (lambda x: F.conv2d(x, KERNEL), (f(1, 2, 5, 5),), (f(1, 2, 1, 5),), "negative"),
    "embedding": (F.embedding, (i(0, 9), f(10, 4)), (i(0, 10), f(10, 4)), "10 must be at least 0"),
    "embedding before": (F.embedding, (i(0, 9), f(10, 4)), (i(0, -1), f(10, 4)), "-1 must be"),
    "embedding of nothing": (F.embedding, (i(0, 9), f(10, 4)), (i(0), f(0, 4)), "out of range"),
    "gather": (
        lambda x, y: x.gather(0, y),
        (f(3), i(2, 1)),
        (f(3), i(0, 3)),
        "3 must be at least 0 and less than 3",
    ),
    "gather more": (
        lambda x, y: x.gather(0, y.reshape(1, -1)),
        (f(3, 2), i(2, 1)),
        (f(3, 2), i(0, 1, 2)),
        "larger than its operand",
    ),
    "index_select": (lambda x, y: x.index_select(0, y), (f(3), i(2)), (f(3), i(3)), "out of range"),
    "index": (lambda x, y: x[y], (f(3), i(2, -3)), (f(3), i(-4, 0)), "out of range"),
    "indices": (
        lambda x, y, z: x[y, z],
        (f(3, 3), i(2, 1), i(0, 1)),
        (f(3, 3), i(2, 1), i(0, 1, 2)),
        "do not broadcast",
    ),
    "index_put": (
        lambda x, y, z: x.index_put((y,), z),
        (f(3), i(2, 0), f(2)),
        (f(3), i(2, 7), f(2)),
        "out of range",
    ),
    "index_put more": (
        lambda x, y, z: x.index_put((y,), z),
        (f(3), i(2, 0), f(2)),
        (f(3), i(2, 1), f(3)),
        "do not broadcast",
    ),
    "scatter": (
        lambda x, y, z: x.scatter(0, y, z),
        (f(3), i(2, 0), f(2)),
        (f(3), i(2, 3), f(2)),
        "out of range",
    ),
    "scatter less": (
        lambda x, y, z: x.scatter_add(0, y, z),
        (f(3), i(2, 0), f(2)),
        (f(3), i(2, 0), f(1)),
        "larger than its source",
    ),
    "divide by zero": (
        lambda x, y: torch.div(x, y, rounding_mode="floor"),
        (i(7, -7), i(2, 2)),
        (i(7, -7), i(2, 0)),
        "divided by zero",
    ),
    "rest by zero": (torch.remainder, (i(7, -7), i(2, 2)), (i(7, -7), i(2, 0)), "divided by zero"),
    "reflection": (lambda x: F.pad(x, (1, 1), mode="reflect"), (f(1, 3),), (f(1, 0),), "no edge"),
    "select": (lambda x: x[:, 2], (f(2, 3),), (f(2, 2),), "3 must be at most 2|must be at least 3"),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", UNKNOWN)
def test_sizes_that_nobody_knew(client: linalgd.Client, tmp_path: Path, name: str) -> None:
    function, fitting, wrong, pattern = UNKNOWN[name]
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.trace(Of(function), fitting, check_trace=False), path)
    shapes = tuple(dict.fromkeys(range(tensor.dim()), torch.export.Dim.DYNAMIC) for tensor in fitting)
    job = client.submit(path, fitting, dynamic_shapes=shapes, emit="executable")
    job.result(timeout=DEADLINE).save(tmp_path / "model.so")
    model = linalgd.load(tmp_path / "model.so")
    with pytest.raises(linalgd.ExecutionError, match=pattern):
        model(*(tensor.numpy() for tensor in wrong))
    found = model(*(tensor.numpy() for tensor in fitting))
    torch.testing.assert_close(torch.from_numpy(np.asarray(found)), function(*fitting))


def test_the_least_integer_has_no_opposite(client: linalgd.Client) -> None:
    least = torch.tensor([torch.iinfo(torch.int64).min, 6])
    model = client.compile(Of(lambda x, y: torch.div(x, y, rounding_mode="trunc")), (least, i(-1, 2)))
    assert model(least, i(-1, 2)).tolist() == [least[0], 3]


class Program(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.relu(x + 1).reshape(-1, 4) + y


def hostile(tmp_path: Path, edit: Callable[[Any], None]) -> Path:
    """An archive of `Program`, both of whose inputs have rows of 4, after an edit of its metadata."""
    rows = {0: torch.export.Dim("rows")}
    program = torch.export.export(Program(), (f(3, 4), f(3, 4)), dynamic_shapes=(rows, rows))
    torch.export.save(program, tmp_path / "honest.pt2")
    entries = pack_entries(tmp_path / "honest.pt2")
    document = json.loads(entries[MODEL])
    edit(document["graph_module"]["graph"]["tensor_values"])
    document["guards_code"] = []  # they would notice first
    (tmp_path / "hostile.pt2").write_bytes(pack({**entries, MODEL: json.dumps(document).encode()}))
    return tmp_path / "hostile.pt2"


def pack_entries(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        named = {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}
    return {
        name: data for name, data in named.items() if not name.startswith(("data/sample_inputs", ".data"))
    }


def claim(name: str, size: int) -> Callable[[Any], None]:
    """Says that a tensor has another number of rows."""

    def edit(values: Any) -> None:
        values[name]["sizes"][0] = {"as_int": size}

    return edit


def rename(name: str) -> Callable[[Any], None]:
    """Gives a tensor's rows a symbol of their own."""

    def edit(values: Any) -> None:
        expression = values[name]["sizes"][0]["as_expr"]
        expression["expr_str"] = "Symbol('s99', positive=True, integer=True)"

    return edit


@pytest.mark.parametrize("name", ["add", "relu", "reshape", "add_1"])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_an_archive_that_claims_sizes(client: linalgd.Client, tmp_path: Path, name: str, size: int) -> None:
    artifact = client.submit(hostile(tmp_path, claim(name, size)), emit="executable").result(timeout=DEADLINE)
    artifact.save(tmp_path / "model.so")
    model = linalgd.load(tmp_path / "model.so")
    with pytest.raises(linalgd.ExecutionError, match="must be"):
        model(f(3, 4).numpy(), f(3, 4).numpy())


def test_an_archive_that_unties_sizes(client: linalgd.Client, tmp_path: Path) -> None:
    artifact = client.submit(hostile(tmp_path, rename("y")), emit="executable").result(timeout=DEADLINE)
    artifact.save(tmp_path / "model.so")
    model = linalgd.load(tmp_path / "model.so")
    x, y = f(3, 4).numpy(), f(5, 4).numpy()
    for arguments in ((x, y), (y, x)):
        with pytest.raises(linalgd.ExecutionError, match="must be"):
            model(*arguments)
    np.testing.assert_allclose(model(x, x), Program()(f(3, 4), f(3, 4)))
