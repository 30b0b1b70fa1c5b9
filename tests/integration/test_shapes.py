"""Traced TorchScript has no shapes: those of the request may contradict the model, anywhere in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from stubs import DEADLINE
from torch import Tensor, nn
from torch.nn import functional as F

import linalgd


def f(*sizes: int) -> Tensor:
    return torch.ones(sizes)


def i(*sizes: int) -> Tensor:
    return torch.zeros(sizes, dtype=torch.int64)


class Two(nn.Module):
    """A function of two tensors."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.function(x, y)


class Picks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, 3]


# What is traced, the inputs it is traced with, those of the request, and what the error says.
CASES: dict[str, tuple[nn.Module, tuple[Tensor, ...], tuple[Tensor, ...], str]] = {
    "convolution": (nn.Conv2d(3, 4, 3), (f(1, 3, 8, 8),), (f(1, 4, 8, 8),), "an input of 4 channels"),
    "kernel": (
        nn.Conv2d(3, 4, 3),
        (f(1, 3, 8, 8),),
        (f(1, 3, 2, 8),),
        "the kernel is larger than the padded",
    ),
    "pooling": (nn.MaxPool2d(4), (f(1, 3, 8, 8),), (f(1, 3, 2, 8),), "a window larger than the padded input"),
    "prelu": (nn.PReLU(4), (f(2, 4),), (f(2, 5),), r"the weight has sizes \[4\], which must be \[5\]"),
    "layer norm": (nn.LayerNorm(4), (f(2, 4),), (f(2, 1),), r"normalizes \[4\]"),
    "batch norm": (nn.BatchNorm1d(4).eval(), (f(2, 4),), (f(2, 5),), r"which must be \[5\]"),
    "group norm": (nn.GroupNorm(2, 4), (f(2, 4, 3),), (f(2, 6, 3),), r"which must be \[6\]"),
    "softmax": (nn.Softmax(2), (f(2, 3, 4),), (f(2, 3),), "a dimension out of range: 2 of 2"),
    "flatten": (nn.Unflatten(1, (2, 3)), (f(2, 6),), (f(2, 8),), "8"),
    "select": (Picks(), (f(2, 4),), (f(2, 3),), "index 3, out of range for size 3"),
    "embedding": (nn.Embedding(10, 4), (i(2),), (f(2),), "indices must be of an integer dtype"),
    "cross entropy": (
        nn.CrossEntropyLoss(),
        (f(2, 5), i(2)),
        (f(2, 5), i(3)),
        r"the target has sizes \[3\], which must be \[2\]",
    ),
    "loss": (nn.MSELoss(), (f(2, 5), f(2, 5)), (f(2, 5), f(3, 5)), "do not broadcast"),
    "cat": (
        Two(lambda x, y: torch.cat((x, y))),
        (f(2, 3), f(4, 3)),
        (f(2, 3), f(4, 2)),
        "operands whose other sizes differ",
    ),
    "add in place": (
        Two(lambda x, y: torch.relu(x).add_(y)),
        (f(2, 3), f(2, 3)),
        (f(1, 3), f(2, 3)),
        r"src of sizes \[2, 3\] does not broadcast to \[1, 3\]",
    ),
    "gather": (
        Two(lambda x, y: torch.gather(x, 1, y)),
        (f(2, 3), i(2, 3)),
        (f(2, 3), i(3, 3)),
        r"an index of sizes \[3, 3\] does not fit",
    ),
    "index_select": (
        Two(lambda x, y: torch.index_select(x, 0, y)),
        (f(2, 3), i(2)),
        (f(2, 3), i(2, 2)),
        "the index must have 0 to 1 dimensions",
    ),
    "expand": (
        Two(lambda x, y: x.expand_as(y)),
        (f(1, 3), f(2, 3)),
        (f(4, 3), f(2, 3)),
        "cannot expand size 4",
    ),
    "where": (
        Two(lambda x, y: torch.where(x > 0, x, y)),
        (f(2, 3), f(2, 3)),
        (f(2, 3), f(2, 4)),
        "do not broadcast",
    ),
    "linear": (Two(F.linear), (f(2, 3), f(4, 3)), (f(2, 3), f(4, 2)), "the weight does not go with"),
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", CASES)
def test_shapes_that_contradict_the_model(client: linalgd.Client, tmp_path: Path, name: str) -> None:
    module, traced, given, pattern = CASES[name]
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.trace(module, traced), path)
    assert client.submit(path, traced, emit="linalg").result(timeout=DEADLINE).text()
    with pytest.raises(linalgd.CompileError, match=pattern) as caught:
        client.submit(path, given, emit="linalg").result(timeout=DEADLINE)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert {found.code for found in caught.value.diagnostics} == {"invalid-model"}
