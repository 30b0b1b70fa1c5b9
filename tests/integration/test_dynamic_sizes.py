"""Sizes that are known when the model runs: of its inputs, and those that depend on data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

import linalgd
from models.comparison import assert_like_eager


class Function(nn.Module):
    """A function of tensors."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: Tensor) -> Any:
        return self.function(*tensors)


def sliced(x: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    n = count.item()
    torch._check(n >= 0)
    torch._check(n <= x.shape[0])
    return x[:n].sum(0), torch.zeros(n, 3), torch.arange(n)


def masked_writes(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    y, z = x.clone(), x.clone()
    y[mask > 0] = 1.5
    z[mask > 0] = z[mask > 0] * 2
    return y, z


def chained(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    y = x[(x > 0).nonzero().squeeze(1)]
    return (torch.softmax(y, 0) * y).sum(), torch.cat([y, x]), y[:, None] @ y[None]


def f(*sizes: int) -> Tensor:
    return torch.randn(sizes)


def i(*values: int) -> Tensor:
    return torch.tensor(values)


# Functions, the inputs they are exported with, and others.
DEPENDENT: dict[str, tuple[Callable[..., Any], list[tuple[Tensor, ...]]]] = {
    "nonzero": (lambda x: (x > 0).nonzero(), [(f(4, 5),), (-torch.ones(4, 5),)]),
    "nonzero_tuple": (lambda x: (x > 0).nonzero(as_tuple=True), [(f(4, 5),), (f(4, 5),)]),
    "nonzero_static": (lambda x: torch.nonzero_static(x > 0, size=6), [(f(4, 3),), (-torch.ones(4, 3),)]),
    "argwhere": (lambda x: torch.argwhere(x > 0), [(f(4, 5),), (f(4, 5),)]),
    "masked_select": (lambda x, m: x.masked_select(m > 0) * 2, [(f(4, 5), f(5)), (f(4, 5), f(5))]),
    "masked_scatter": (
        lambda x, m, s: x.masked_scatter(m > 0, s),
        [(f(4, 5), f(4, 5), f(20)), (f(4, 5), f(4, 5), f(20))],
    ),
    "mask": (lambda x: x[x > 0] + 1, [(f(4, 5),), (f(4, 5),)]),
    "mask_of_rows": (lambda x, m: x[m > 0].relu(), [(f(4, 5), f(4)), (f(4, 5), f(4))]),
    "mask_of_columns": (lambda x, m: x[:, m > 0], [(f(4, 5, 3), f(5)), (f(4, 5, 3), f(5))]),
    "masked_writes": (masked_writes, [(f(4, 5), f(4)), (f(4, 5), f(4))]),
    "item": (sliced, [(f(6, 2), torch.tensor(3)), (f(6, 2), torch.tensor(0)), (f(6, 2), torch.tensor(6))]),
    "repeat_interleave": (
        lambda x, n: x.repeat_interleave(n, dim=0),
        [(f(3, 2), i(1, 0, 2)), (f(3, 2), i(2, 2, 2))],
    ),
    "repeats": (torch.repeat_interleave, [(i(1, 0, 2),), (i(0, 0, 0),)]),
    "unique": (torch.unique, [(i(3, 1, 3, 2, 1),), (i(3, 3, 3, 3, 3),)]),
    "unique_counts": (
        lambda x: torch.unique(x, return_inverse=True, return_counts=True),
        [(i(3, 1, 3, 2, 1, 9).view(2, 3),), (i(3, 3, 3, 3, 3, 3).view(2, 3),)],
    ),
    "unique_consecutive": (
        lambda x: torch.unique_consecutive(x, return_inverse=True, return_counts=True),
        [(i(3, 3, 1, 1, 3),), (i(3, 3, 3, 3, 3),)],
    ),
    "chained": (chained, [(f(9),), (f(9),)]),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_sizes_that_depend_on_data(client: linalgd.Client, name: str) -> None:
    function, samples = DEPENDENT[name]
    compiled = client.compile(export(Function(function), samples[0]))
    for sample in samples:
        assert_like_eager(compiled(*sample), function(*sample))


def test_assertions_on_sizes(client: linalgd.Client) -> None:
    compiled = client.compile(export(Function(sliced), (f(6, 2), torch.tensor(3))))
    for count in (-1, 7):
        with pytest.raises(linalgd.ExecutionError, match="u0"):
            compiled(f(6, 2), torch.tensor(count))


def pairs(x: Tensor, y: Tensor) -> Tensor:
    return x[: y.shape[0]] + y if x.shape[0] > y.shape[0] else y


# Functions of sizes, their inputs, inputs that do not fit, and what the error says.
GUARDED: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...], tuple[Tensor, ...], str]] = {
    "equal": (
        torch.add,
        (f(4, 5), f(4, 5)),
        (f(6, 5), f(7, 5)),
        r"dimension 0 of input '\w*1' must be s\d = 6",
    ),
    "larger": (
        pairs,
        (f(6, 5), f(4, 5)),
        (f(4, 5), f(4, 5)),
        r"do not satisfy \w*0\.shape\[0\] > \w*1\.shape\[0\]",
    ),
    "even": (lambda x: x.view(-1, 2, 5), (f(4, 5),), (f(7, 5),), r"do not satisfy .*\w*0\.shape\[0\]\)? % "),
    "derived": (lambda x, y: x[1:] + y, (f(5, 5), f(4, 5)), (f(5, 5), f(5, 5)), "dimension 0 of input"),
}


@pytest.mark.parametrize("name", GUARDED)
def test_relations_between_sizes(client: linalgd.Client, name: str) -> None:
    function, fitting, others, message = GUARDED[name]
    shapes = (tuple({0: Dim.AUTO} for _ in fitting),)
    compiled = client.compile(export(Function(function), fitting, dynamic_shapes=shapes))
    assert_like_eager(compiled(*fitting), function(*fitting))
    with pytest.raises(linalgd.InputError, match=message):
        compiled(*others)


def test_equal_symbols_are_one_size(client: linalgd.Client) -> None:
    rows = Dim("rows")
    program = export(Function(torch.add), (f(4, 5), f(4, 5)), dynamic_shapes=(({0: rows}, {0: rows}),))
    raw = client.submit(program, emit="torch-raw").result().text()
    assert raw.count("torch.symbolic_int") == 1
    assert raw.count("torch.bind_symbolic_shape") == 2
    linalg = client.submit(program, emit="linalg").result().text()
    assert linalg.count("tensor.dim") == 1
    assert "cf.assert" not in linalg
    assert "arith.select" not in linalg
    compiled = client.compile(program)
    assert compiled(f(3, 5), f(3, 5)).shape == (3, 5)
