"""What torch.export writes beside calls of ATen: numbers, loops, branches, regions, ops of the user."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._higher_order_ops import associative_scan, scan, while_loop
from torch._higher_order_ops import map as torch_map
from torch._higher_order_ops.hints_wrap import hints_wrapper
from torch._higher_order_ops.out_dtype import out_dtype
from torch._higher_order_ops.print import print as torch_print
from torch._higher_order_ops.strict_mode import strict_mode
from torch.compiler import nested_compile_region
from torch.export import Dim, ExportedProgram, draft_export, export
from torch.export.experimental import _export_forward_backward
from torch.testing._internal.two_tensor import TwoTensor

import linalgd
from models.comparison import assert_like_eager

VARIES = Dim.DYNAMIC
Samples = list[tuple[Any, ...]]


class Function(nn.Module):
    """A function of tensors and numbers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs)


def f(*sizes: int) -> Tensor:
    return torch.randn(sizes)


# Functions of a size, which torch.export keeps as such.
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "add": lambda n: n + 1,
    "sub": lambda n: 9 - n,
    "mul": lambda n: n * 2,
    "floordiv": lambda n: n // 2,
    "mod": lambda n: n % 3,
    "pow": lambda n: n**2,
    "neg": lambda n: -n,
    "truediv": lambda n: n / 2,
    "shift_left": lambda n: n << 1,
    "shift_right": lambda n: n >> 1,
    "and": lambda n: n & 3,
    "or": lambda n: n | 8,
    "sqrt": torch.sym_sqrt,
    "float": torch.sym_float,
    "floor": lambda n: math.floor(n / 3) * 1.5,
    "ceil": lambda n: math.ceil(n / 3),
    "max": lambda n: torch.sym_max(n, 6),
    "min": lambda n: torch.sym_min(n, 6),
    "float_mod": lambda n: (n / 2) % 3.0,
    "float_pow": lambda n: (n / 2) ** 2.0,
    "either": lambda n: torch.sym_ite(n > 6, n, n * 2),
    "either_float": lambda n: torch.sym_ite(n > 6, n / 2, n * 2.0),
    "not": lambda n: torch.sym_ite(torch.sym_not(n == 6), n, n * 2),
    "both": lambda n: torch.sym_ite((n > 6) & (n < 9), n, n * 2),
    "one_of": lambda n: torch.sym_ite((n > 9) | (n < 6), n, n * 2),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_functions_of_sizes(client: linalgd.Client, name: str) -> None:
    compute = NUMBERS[name]

    def function(x: Tensor) -> Any:
        return x + 1, compute(x.shape[0])

    program = export(Function(function), (f(8, 2),), dynamic_shapes=(({0: VARIES},),))
    compiled = client.compile(program)
    for rows in (8, 10, 5):
        x = f(rows, 2)
        assert_like_eager(compiled(x), function(x))


# Functions of the number in a tensor.
ITEMS: dict[str, Callable[[Any], Any]] = {
    "sqrt": torch.sym_sqrt,
    "either": lambda n: torch.sym_ite(n > 6, n / 2, n * 2.0),
    "max": lambda n: torch.sym_max(n, 5),
    "mod": lambda n: n % 3,
}


@pytest.mark.parametrize("name", ITEMS)
def test_functions_of_items(client: linalgd.Client, name: str) -> None:
    compute = ITEMS[name]

    def function(x: Tensor) -> Tensor:
        n = x.sum().item()
        torch._check(n >= 0)
        return torch.ones(2) * compute(n)

    compiled = client.compile(export(Function(function), (torch.tensor([3, 5]),)))
    for values in ([3, 5], [1, 2], [0, 0]):
        assert_like_eager(compiled(torch.tensor(values)), function(torch.tensor(values)))


def test_booleans_of_items(client: linalgd.Client) -> None:
    def function(x: Tensor) -> Tensor:
        return x * (x.sum() > 0).item()

    compiled = client.compile(export(Function(function), (torch.ones(3),)))
    for x in (torch.ones(3), -torch.ones(3)):
        assert_like_eager(compiled(x), function(x))


def test_complex_numbers(client: linalgd.Client) -> None:
    def function(x: Tensor) -> Tensor:
        return x * (1 + 2j)

    program = export(Function(function), (f(3),))
    text = client.submit(program, emit="torch-raw").result(timeout=60).text()
    assert "complex<f32>" in text
    with pytest.raises(linalgd.CompileError, match="complex numbers are not supported"):
        client.compile(program)


def sized(x: Tensor, n: int) -> Tensor:
    return x[:n] * n


# Functions of integers, what they are exported with and others, what does not fit, what is said of it.
INTEGERS: dict[str, tuple[Callable[..., Any], Any, Samples, tuple[Any, ...], str]] = {
    "factor": (torch.mul, (None, VARIES), [(f(3), 4), (f(3), 9)], (f(3), -1), "input '.*1' .*at least 0"),
    "size": (sized, (None, VARIES), [(f(6, 2), 3), (f(6, 2), 5)], (f(6, 2), 7), "input '.*1' .*at most 6"),
    "rows": (
        lambda x, n: x.view(-1, n).sum(1),
        ({0: VARIES}, VARIES),
        [(f(12), 3), (f(20), 4)],
        (f(12), 5),
        r"do not satisfy .*\.shape\[0\] % .*== 0",
    ),
    "sizes": (
        lambda x, n, m: x + torch.ones(n, m + 1),
        (None, VARIES, VARIES),
        [(f(1), 3, 4), (f(1), 5, 6)],
        (f(1), 1, 4),
        "do not satisfy|at least 2",
    ),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_as_inputs(client: linalgd.Client, name: str) -> None:
    function, shapes, samples, unfit, message = INTEGERS[name]
    compiled = client.compile(export(Function(function), samples[0], dynamic_shapes=(shapes,)))
    for sample in samples:
        assert_like_eager(compiled(*sample), function(*sample))
    with pytest.raises(linalgd.InputError, match=message):
        compiled(*unfit)


def even(x: Tensor, y: Tensor) -> Tensor:
    return x.view(-1, 2, 2).sum() + y.sum()


def third(x: Tensor) -> Tensor:
    return x[: int(x.shape[0] / 3)]


BATCH = Dim("batch", min=2, max=64)

# Functions of sizes, their dynamic shapes, what fits, what does not, what is said of it.
SIZES: dict[str, tuple[Callable[..., Any], Any, Samples, tuple[Any, ...], str]] = {
    "twice": (
        lambda x, y: x.sum() + y.sum(),
        ({0: BATCH}, {0: 2 * BATCH}),
        [(f(4, 2), f(8, 2)), (f(5, 2), f(10, 2))],
        (f(4, 2), f(9, 2)),
        r"dimension 0 of input '\w*1' must be 2\*s0 = 8, not 9",
    ),
    "only_derived": (
        lambda x: x.view(-1, 2, 3).sum(1),
        ({0: 2 * BATCH},),
        [(f(8, 3),), (f(10, 3),)],
        (f(9, 3),),
        r"dimension 0 of input '\w*0' must be 2\*s0 = 8, not 9",
    ),
    "range_of_derived": (
        lambda x: x.view(-1, 2, 3).sum(1),
        ({0: 2 * BATCH},),
        [(f(4, 3),)],
        (f(2, 3),),
        r"dimension 0 of input '\w*0' is 2\*s0, where s0 must be at least 2, not 1",
    ),
    "one_more": (
        lambda x, y: x + y[1:],
        ({0: BATCH}, {0: BATCH + 1}),
        [(f(4, 2), f(5, 2))],
        (f(4, 2), f(4, 2)),
        "dimension 0 of input",
    ),
    "real": (
        third,
        ({0: VARIES},),
        [(f(8),), (f(7),)],
        (f(9),),
        r"do not satisfy math\.trunc\(.*/ 3\) == 2",
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_of_inputs(client: linalgd.Client, name: str) -> None:
    function, shapes, samples, unfit, message = SIZES[name]
    compiled = client.compile(export(Function(function), samples[0], dynamic_shapes=(shapes,)))
    for sample in samples:
        assert_like_eager(compiled(*sample), function(*sample))
    with pytest.raises(linalgd.InputError, match=message):
        compiled(*unfit)


def branches(x: Tensor) -> Any:
    return torch.cond(
        x.sum() > 0,
        lambda x: torch.cond(x.max() > 1, lambda x: x * 3, lambda x: x * 2, (x,)),
        lambda x: x - 1,
        (x,),
    )


def counted(x: Tensor) -> Any:
    return while_loop(lambda i, x: i < 10, lambda i, x: (i + 1, x * 2), (x.shape[0], x))


class Recurrent(nn.Module):
    """A cell over time; its weights are closed over."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(6, 3)

    def forward(self, hidden: Tensor, x: Tensor) -> Any:
        def step(hidden: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            new = torch.tanh(self.cell(torch.cat([hidden, x], -1)))
            return new, new.clone()

        return scan(step, hidden, x, dim=0)


@nested_compile_region  # type: ignore[untyped-decorator]
def region(x: Tensor, y: Tensor) -> Tensor:
    return torch.relu(x) * y


def affine(a: Any, b: Any) -> Any:
    return a[0] * b[0], a[1] * b[0] + b[1]


# Modules or functions, inputs, and how they are exported.
HIGHER_ORDER: dict[str, tuple[Any, Samples, dict[str, Any]]] = {
    "cond": (branches, [(f(3),), (torch.ones(3) * 2,), (torch.ones(3) * 0.1,), (-torch.ones(3),)], {}),
    "cond_of_sizes": (
        lambda x: torch.cond(x.shape[0] > 4, lambda x: x + 1, lambda x: x - 1, (x,)),
        [(f(3, 2),), (f(6, 2),)],
        {"dynamic_shapes": (({0: VARIES},),)},
    ),
    "while_loop": (
        lambda i, x: while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, x * 2), (i, x)),
        [(torch.tensor(0), f(3)), (torch.tensor(3), f(3)), (torch.tensor(7), f(3))],
        {},
    ),
    "while_loop_of_sizes": (
        counted,
        [(f(3, 2),), (f(12, 2),)],
        {"dynamic_shapes": (({0: VARIES},),)},
    ),
    "map": (lambda x, y: torch_map(lambda a, b: a * 2 + b, x, y), [(f(4, 3), f(3))], {}),
    "map_of_sizes": (
        lambda x: torch_map(lambda a: a * 2 + 1, x),
        [(f(4, 3),), (f(6, 5),)],
        {"dynamic_shapes": (({0: VARIES, 1: VARIES},),)},
    ),
    "scan": (Recurrent(), [(f(2, 3), f(5, 2, 3))], {}),
    "scan_strict": (Recurrent(), [(f(2, 3), f(5, 2, 3))], {"strict": True}),
    "scan_reverse": (
        lambda c, x: scan(lambda c, x: (c + x, (c + x) * 2), c, x, dim=1, reverse=True),
        [(f(3), f(3, 4))],
        {},
    ),
    "associative_scan": (
        lambda x: associative_scan(torch.mul, x, 0, combine_mode="pointwise"),
        [(f(5, 3),)],
        {},
    ),
    "associative_scan_of_pairs": (
        lambda x, y: associative_scan(affine, (x, y), 0, combine_mode="pointwise"),
        [(f(5, 3), f(5, 3))],
        {},
    ),
    "associative_scan_generic": (
        lambda x: associative_scan(torch.mul, x, 0, combine_mode="generic"),
        [(f(5, 3),)],
        {},
    ),
    "hints": (lambda x: hints_wrapper(lambda x: x * 2 + 1, (x,), {}, hints={"a": True}), [(f(3),)], {}),
    "strict_mode": (lambda x: strict_mode(lambda x: (x + 1,), (x,))[0] * 2, [(f(3),)], {}),
    "region": (lambda x: region(x, x + 1) + region(x * 2, x), [(f(3),)], {"strict": True}),
    "print": (lambda x: (torch_print("x"), x + 1)[1], [(f(3),)], {}),
    "out_dtype": (
        lambda x, y: out_dtype(torch.ops.aten.mm.default, torch.int32, x, y),
        [(torch.full((3, 4), 100, dtype=torch.int8), torch.full((4, 3), 100, dtype=torch.int8))],
        {},
    ),
    "vmap": (lambda x, y: torch.vmap(torch.dot)(x, y), [(f(4, 3), f(4, 3))], {}),
}


@pytest.mark.parametrize("name", HIGHER_ORDER)
def test_higher_order_ops(client: linalgd.Client, name: str) -> None:
    model, samples, options = HIGHER_ORDER[name]
    module = model if isinstance(model, nn.Module) else Function(model)
    compiled = client.compile(export(module, samples[0], **options))
    for sample in samples:
        with torch.no_grad():
            expected = module(*sample)
        assert_like_eager(compiled(*sample), expected)


def test_copies_of_views(client: linalgd.Client) -> None:
    def function(x: Tensor) -> Any:
        y = torch.select_copy(x, 0, 1)
        y.add_(1)
        return x + 1, y, torch.permute_copy(x, (1, 0)), torch.slice_copy(x, 1, 0, 2)

    compiled = client.compile(export(Function(function), (f(4, 3),)))
    x = f(4, 3)
    assert_like_eager(compiled(x), function(x))


def test_rows_that_differ(client: linalgd.Client) -> None:
    def function(x: Tensor, y: Tensor) -> Any:
        return (
            torch.unique(x, dim=0, return_inverse=True, return_counts=True),
            torch.unique(x, dim=1),
            torch.unique_consecutive(y, dim=0, return_inverse=True, return_counts=True),
        )

    x = torch.tensor([[3, 4, 3], [1, 2, 1], [3, 4, 3], [1, 0, 1]])
    compiled = client.compile(export(Function(function), (x, x)))
    for sample in (x, x.flip(0), torch.ones_like(x)):
        assert_like_eager(compiled(sample, sample), function(sample, sample))


@pytest.fixture
def library() -> Iterator[torch.library.Library]:
    """Ops of the user: one that writes, one of many kinds of arguments."""
    made = torch.library.Library("archived", "FRAGMENT")
    made.define("write(Tensor(a!) x, Tensor y) -> ()")
    made.define("many(Tensor x, int n=2, float[] fs=[1.0, 2.0], str? s=None) -> (Tensor, Tensor[])")

    def write(x: Tensor, y: Tensor) -> None:
        x.add_(y)

    def many(x: Tensor, n: int = 2, fs: Any = (1.0, 2.0), s: str | None = None) -> Any:
        return x * n, [x * factor for factor in fs]

    made.impl("write", write, "CompositeExplicitAutograd")
    made.impl("many", many, "CompositeExplicitAutograd")
    yield made
    made._destroy()


class Writes(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x = x.clone()
        torch.ops.archived.write(x[1:], y[1:])
        return x


class Many(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Any:
        return torch.ops.archived.many(x, n=3, s="text")


OPS_OF_THE_USER: dict[str, tuple[nn.Module, Callable[[ExportedProgram], ExportedProgram]]] = {
    "write": (Writes(), lambda program: program),
    "write_functional": (Writes(), lambda program: program.run_decompositions()),
    "many": (Many(), lambda program: program),
}


@pytest.mark.parametrize("name", OPS_OF_THE_USER)
def test_ops_of_the_user(client: linalgd.Client, library: torch.library.Library, name: str) -> None:
    model, change = OPS_OF_THE_USER[name]
    program = change(export(model, (f(3), f(3))))
    op = f"torch.archived.{name.split('_')[0]}"
    raw = client.submit(program, emit="torch-raw").result().text()
    assert f'torch.operator "{op}"' in raw
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(program, emit="linalg").result()
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.message == f"unsupported op '{op}'"
    location = diagnostic.location
    assert location is not None
    code = Path(location.file).read_text().splitlines()[location.line - 1]
    assert Path(location.file) == Path(__file__)
    assert f"torch.ops.{op.removeprefix('torch.')}" in code


def test_parts_of_vmap_are_explained(client: linalgd.Client, tmp_path: Path) -> None:
    program = export(Function(lambda x: torch.vmap(torch.sum)(x)), (f(4, 3),))
    torch.export.save(program, tmp_path / "model.pt2")
    with pytest.raises(linalgd.CompileError, match=r"run_decompositions\(\{\}\)"):
        client.compile(tmp_path / "model.pt2")


class OfTwo(nn.Module):
    """Its weight is a tensor subclass, of two tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(TwoTensor(f(4, 3), f(4, 3)))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def test_tensor_subclasses(client: linalgd.Client, tmp_path: Path) -> None:
    model, x = OfTwo(), f(2, 4)
    program = export(model, (x,))
    with torch.no_grad():
        torch.testing.assert_close(client.compile(program)(x), model(x).a)
    torch.export.save(program, tmp_path / "model.pt2")
    with pytest.raises(linalgd.CompileError, match=r"pickled Python object; program.run_decompositions"):
        client.compile(tmp_path / "model.pt2")


class Loss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).square().sum()


def test_forward_and_backward(client: linalgd.Client) -> None:
    model, x = Loss(), f(5, 4)
    compiled = client.compile(_export_forward_backward(export(model, (x,))))
    loss, *gradients = compiled(x)
    expected = model(x)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    for found, parameter in zip(gradients, model.parameters(), strict=True):
        torch.testing.assert_close(found, parameter.grad)


class Counted(nn.Module):
    def forward(self, x: Tensor, count: Tensor) -> Tensor:
        n = count.item()
        return x[:n].sum(0) + n


def test_draft_export(client: linalgd.Client) -> None:
    model, x = Counted(), f(5, 4)
    compiled = client.compile(draft_export(model, (x, torch.tensor(3))))
    assert_like_eager(compiled(x, torch.tensor(2)), model(x, torch.tensor(2)))


def test_what_cannot_be_saved(client: linalgd.Client) -> None:
    def function(x: Tensor) -> Any:
        return while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, x * 2), (0, x))

    with pytest.raises(linalgd.CaptureError, match="carry tensors") as caught:
        client.compile(function, (f(3),))
    assert "while_loop" in caught.value.diagnostics[0].message
