"""Calls, arguments and exceptions of TorchScript, one small scripted module each, against PyTorch."""

from collections import OrderedDict
from enum import Enum
from typing import Any, Optional, Union

import pytest
import torch
from torch import Tensor, nn

import linalgd

# ruff: noqa: UP007, UP045 (TorchScript)

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@torch.jit.interface
class Block(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass

    def width(self) -> int:  # type: ignore[empty-body]
        pass


class Plain(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1

    @torch.jit.export  # type: ignore[untyped-decorator]
    def width(self) -> int:
        return 1


class Wide(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Plain()
        self.weight = nn.Parameter(torch.tensor([2.0, 3, 4]))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * self.weight

    @torch.jit.export  # type: ignore[untyped-decorator]
    def width(self) -> int:
        return 3 + self.inner.width()  # type: ignore[no-any-return]


class Interfaces(nn.Module):
    """Modules of an interface, by name and by index."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Plain(), Wide(), Plain()])

    def forward(self, x: Tensor) -> Tensor:
        total = 0
        for index in range(3):
            block: Block = self.blocks[index]
            x = block.forward(x)
            total += block.width()
        return x * total


class Methods(nn.Module):
    """A method that is exported, one that is never called, an empty one."""

    def __init__(self) -> None:
        super().__init__()
        self.skip = nn.Identity()
        self.fast = False

    @torch.jit.export  # type: ignore[untyped-decorator]
    def double(self, x: Tensor) -> Tensor:
        return self.skip(x) * 2

    @torch.jit.unused  # type: ignore[untyped-decorator]
    def only_python(self, x: Tensor) -> Tensor:
        return x.numpy()

    def forward(self, x: Tensor) -> Tensor:
        if self.fast:
            return self.only_python(x)
        return self.skip(self.double(x))


class Raises(nn.Module):
    """Exceptions in branches within branches, with messages that are put together."""

    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            if bool(x.max() > 100):
                raise ValueError(f"{x.max()} is too large, of {x.size(0)} and {'%s' % 'more'}")  # noqa: UP031
            y = x * 2
        else:
            y = -x
        assert bool(y.min() < 50), "out of {}".format("range")
        return y


class Later(nn.Module):
    """What runs beside the program, several at once, in a list."""

    def part(self, x: Tensor, factor: float) -> Tensor:
        return x * factor

    def forward(self, x: Tensor) -> Tensor:
        running = [torch.jit.fork(self.part, x, float(i)) for i in range(3)]
        total = torch.zeros_like(x)
        for one in running:
            total = total + torch.jit.wait(one)
        return total


class Mode(Enum):
    PLUS = "+"
    MINUS = "-"


class Given(nn.Module):
    """Enums, dictionaries of lists, and values of any type among attributes and locals."""

    def __init__(self) -> None:
        super().__init__()
        self.mode = Mode.MINUS
        self.table: dict[str, list[float]] = {"+": [1.0, 2.0], "-": [3.0]}
        self.modes: dict[str, Mode] = {"a": Mode.PLUS, "b": Mode.MINUS}

    def pick(self, value: Any, x: Tensor) -> Tensor:
        if isinstance(value, float):
            return x * value
        if isinstance(value, list):
            return x * 2
        return x

    def forward(self, x: Tensor) -> Tensor:
        total = x
        for factor in self.table[self.mode.value]:
            total = total * factor
        if self.modes["b"] == self.mode and self.modes["a"] != self.mode:
            total = total + 1
        return self.pick(1.5, total) + self.pick([1, 2], total) + self.pick("none", total)


class Rebuilt(nn.Module):
    """A list that each call makes anew in an attribute, an empty dictionary, lists backwards."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[Tensor] = [torch.tensor(0.0)]

    def build(self, x: Tensor) -> None:
        self.levels = [x]
        for _ in range(3):
            self.levels.append(self.levels[-1] * 2)

    def forward(self, x: Tensor) -> Tensor:
        self.build(x)
        named: dict[str, Tensor] = OrderedDict()
        for name, level in zip(["a", "b"], self.levels[::-2]):  # noqa: B905
            named[name] = level
        last = self.levels[5:1:-1] + self.levels[-1:-9:-3]
        return named["a"] - named["b"] + len(last) * last[-1]


CASES: dict[str, nn.Module] = {
    "interfaces": Interfaces(),
    "methods": Methods(),
    "raises": Raises(),
    "later": Later(),
    "given": Given(),
    "rebuilt": Rebuilt(),
}
X = torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -6.0]])


@pytest.mark.parametrize("name", CASES)
def test_call(client: linalgd.Client, name: str) -> None:
    scripted = torch.jit.script(CASES[name].eval())
    compiled = client.compile(scripted, (X,))
    for x in (X, X * 0.25, -X):
        torch.testing.assert_close(compiled(x), scripted(x))


def test_raised(client: linalgd.Client) -> None:
    compiled = client.compile(torch.jit.script(Raises()), (X,))
    for x, message in ((X * 1000, "is too large"), (torch.full_like(X, 30), "out of range")):
        with pytest.raises(linalgd.ExecutionError, match=message):
            compiled(x)


class Remembers(nn.Module):
    """What a call leaves in an attribute that is no tensor, the next one reads."""

    def __init__(self, only_length: bool) -> None:
        super().__init__()
        self.kept: list[Tensor] = [torch.zeros(3)]
        self.only_length = only_length

    def forward(self, x: Tensor) -> Tensor:
        if self.only_length:
            y = x + len(self.kept)
            self.kept = [x]
        else:
            self.kept.append(x)
            y = x + self.kept[0]
        return y


@pytest.mark.parametrize("only_length", [False, True])
def test_attributes_that_calls_hand_on(client: linalgd.Client, only_length: bool) -> None:
    with pytest.raises(linalgd.CompileError, match="changes its attribute 'kept'"):
        client.compile(torch.jit.script(Remembers(only_length)), (X,))


class Arguments(nn.Module):
    """What a caller may leave out, or give as one type or another."""

    def forward(
        self,
        x: Tensor,
        named: dict[str, Optional[Tensor]],
        scale: Union[int, float, list[float]] = 2,
        extra: Optional[dict[str, Tensor]] = None,
        anything: Any = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        bias = named["bias"]
        if bias is not None:
            x = x + bias
        if isinstance(scale, (int, float)):
            x = x * float(scale)
        elif isinstance(scale, list):
            for one in scale:
                x = x * one
        if isinstance(anything, Tensor):
            x = x - anything
        out = {"x": x}
        if extra is not None:
            out.update(extra)
        return x, out


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((X, {"bias": None}), {}),
        ((X, {"bias": X[0]}, 0.5), {"extra": {"a": X, "b": -X}}),
        ((X, {"bias": X[0]}, [2.0, 3.0]), {"anything": X}),
    ],
)
def test_arguments(client: linalgd.Client, args: Any, kwargs: Any) -> None:
    scripted = torch.jit.script(Arguments())
    compiled = client.compile(scripted, args, kwargs)
    torch.testing.assert_close(compiled(*args, **kwargs), scripted(*args, **kwargs))
