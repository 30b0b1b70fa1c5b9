"""What TorchScript can say, one small scripted module each, compared with what PyTorch makes of it."""

from enum import Enum
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import linalgd


class Scaled(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((3,), scale))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class SharedChild(nn.Module):
    """One module under two names, and one tensor in two modules."""

    def __init__(self) -> None:
        super().__init__()
        self.a = Scaled(2.0)
        self.b = self.a
        self.c = Scaled(3.0)
        self.c.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.b(self.a(x)))


class Attributes(nn.Module):
    """Attributes that are no tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = [3, 2]
        self.factors: dict[str, float] = {"x": 2.0, "y": 0.5}
        self.pair: tuple[str, int] = ("y", 1)
        self.extra: Tensor | None = None
        self.label = "x"
        self.flag = True

    def forward(self, x: Tensor) -> Tensor:
        y = x.reshape(self.sizes) * self.factors[self.label] + self.factors[self.pair[0]]
        extra = self.extra
        if extra is not None:
            y = y + extra
        return y if self.flag else -y


class Counts(nn.Module):
    """A buffer that is another tensor after each call, and one that is written to."""

    count: Tensor
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        before = self.count
        self.count = self.count + 1
        self.total += x.sum(0)
        return before, self.total * self.count


class Dicts(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        out: dict[str, Tensor] = {"x": x}
        for i, name in enumerate(["a", "b"]):
            out[name] = x + i
        out["x"] = out["x"] * 2
        if "a" in out and len(out) == 3:
            out.update({"c": out.pop("a")})
        total = torch.zeros_like(x)
        for key, value in out.items():
            if key != "b":
                total = total + value
        out["total"] = total
        return out


class Lists(nn.Module):
    """Lists under several names, in other lists, with places set."""

    def forward(self, x: Tensor) -> list[Tensor]:
        rows = [x, x + 1, x + 2]
        same = rows
        same[1] = rows[0] * 5
        nested = [rows, [x]]
        nested[0].append(x - 1)
        nested[1].insert(0, rows[-1])
        del rows[0]
        rows.reverse()
        rows.extend(nested[1])
        last = rows.pop()
        rows.append(last * 2)
        return rows


class Color(Enum):
    RED = 1
    GREEN = 2


class Enums(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.color = Color.GREEN

    def forward(self, x: Tensor) -> Tensor:
        y = -x if self.color == Color.RED else x
        return y * self.color.value if self.color != Color.RED else y


@torch.jit.script
class Pair:
    def __init__(self, first: Tensor, second: Tensor) -> None:
        self.first = first
        self.second = second

    def swap(self) -> None:
        self.first, self.second = self.second, self.first

    def weigh(self, by: float) -> Tensor:
        return self.first * by + self.second


class Objects(nn.Module):
    """Objects of a class of the program's own."""

    def forward(self, x: Tensor) -> Tensor:
        pair = Pair(x, x + 1)
        other = pair
        other.swap()
        pair.second = pair.second * 3
        return other.weigh(2.0)


class Shifted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 0.5


@torch.jit.interface
class Step(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


class Interfaces(nn.Module):
    """Modules that are called through an interface."""

    first: Step
    second: Step

    def __init__(self) -> None:
        super().__init__()
        self.first = Scaled(2.0)
        self.second = Shifted()

    def forward(self, x: Tensor) -> Tensor:
        return self.second.forward(self.first.forward(x))


class Named(NamedTuple):
    total: Tensor
    rest: Tensor | None


class NamedTuples(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        made = Named(x.sum(), None)
        rest = made.rest
        if rest is None:
            rest = x
        return made.total, rest


class Strings(nn.Module):
    """Strings that decide, and messages that are put together."""

    def forward(self, x: Tensor) -> Tensor:
        mode = "s" + "um"
        if mode not in ["sum", "mean"]:
            raise ValueError(f"unknown mode {mode}")
        assert x.size(0) > 1, f"the batch is {x.size(0)}"
        return x.sum() if mode == "sum" else x.mean()


class BranchWrites(nn.Module):
    """Lists, dicts, objects and buffers that a branch writes to, which a run decides."""

    state: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.ones(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = [x, x + 1]
        named = {"a": x}
        pair = Pair(x, x)
        if bool(x.sum() > 0):
            rows[0] = x * 2
            named["a"] = x - 1
            pair.swap()
            pair.first = x * 7
            self.state = self.state + 1
        else:
            rows[1] = -x
        return rows[0] + rows[1] * named["a"] + pair.first, self.state


class LoopWrites(nn.Module):
    """The same in a loop whose number of rounds is not known."""

    state: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("state", torch.ones(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows = [x, x]
        named = {"a": x}
        while bool(rows[0].abs().max() < 100):
            rows[0] = rows[0] * 2 + 1
            rows[1] = rows[0] + named["a"]
            named["a"] = rows[1] * 0.5
            self.state = self.state + 1
        return rows[1] + named["a"], self.state


class Text(nn.Module):
    """Python's functions on strings and lists of numbers."""

    def forward(self, x: Tensor) -> Tensor:
        parts = "b, a".replace(" ", "").split(",")
        joined = "-".join(parts).upper()
        order = sorted([3, 1, 2])
        n = len(joined) + ord("a") + int("7") + [4, 5].index(5) + max([1, 2]) + sum(order) + order[0]
        if joined.startswith("B") and not joined.endswith("b") and joined[2] == "A":
            n += 1000
        return x + n


class Kinds(nn.Module):
    """Values of several types, and what is asked about them."""

    def twice(self, value: int | Tensor | list[Tensor]) -> Tensor:
        if isinstance(value, int):
            return torch.full((2, 3), 2 * value)
        if isinstance(value, Tensor):
            return value * 2
        return value[0] + value[1]

    def forward(self, x: Tensor) -> Tensor:
        return self.twice(x) + self.twice(3) + self.twice([x, x + 1])


class Beside(nn.Module):
    """Blocks of `with`, and what runs beside the program."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = x * 2
        later = torch.jit.fork(torch.relu, y)
        print("is not printed")
        return torch.jit.wait(later) + y


CASES: dict[str, nn.Module] = {
    "shared child": SharedChild(),
    "attributes": Attributes(),
    "counts": Counts(),
    "dicts": Dicts(),
    "lists": Lists(),
    "enums": Enums(),
    "objects": Objects(),
    "interfaces": Interfaces(),
    "named tuples": NamedTuples(),
    "strings": Strings(),
    "branch writes": BranchWrites(),
    "loop writes": LoopWrites(),
    "text": Text(),
    "kinds": Kinds(),
    "beside": Beside(),
}


class BranchInPlace(nn.Module):
    """Tensors that a branch writes to in place."""

    def forward(self, x: Tensor) -> Tensor:
        y = x * 2
        part = y[0]
        if bool(x.sum() > 0):
            part += 10
            y[1].mul_(3)
        else:
            y -= 1
        return y + part


class LoopInPlace(nn.Module):
    """Tensors that the rounds of a loop write to in place."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = x.clone()
        rows = torch.zeros_like(x)
        i = 0
        while bool(y.abs().max() < 50):
            y *= 2
            y[0] += 1
            rows[0].add_(y[1])
            i += 1
        return rows, y + i


class Parts(nn.Module):
    """Lists of parts of a tensor, and dictionaries of pairs."""

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros(2)
        for i, column in enumerate(x.unbind(1)):
            total = total + column * i
        widths = [1, x.shape[1] - 1]
        for part, factor in zip(x.split(widths, 1), [2.0, 3.0]):  # noqa: B905
            total = total + part.sum(1) * factor
        named = dict([("total", total), ("first", x[0])])  # noqa: C406
        named["total"][0] += 1
        return named["total"] + len(named) + len(x)


class Sizes(nn.Module):
    """A size that goes through tensors of numbers."""

    def forward(self, x: Tensor) -> Tensor:
        shape = torch.tensor(x.shape)
        smallest = torch.min(shape).to(torch.float32)
        scale = torch.min(8.0 / smallest, 2 ** torch.tensor(5.0).log2().round()).item()
        weights = torch.tensor([[1.0, 2.0], [3.0, float(len(x))]])
        counts = torch.tensor([x.size(0), int(x.sum())])
        y = nn.functional.interpolate(x[None, None], scale_factor=float(scale), recompute_scale_factor=True)
        return y.sum() * weights * counts


class Remembers(nn.Module):
    """Attributes that are no tensors, are set by the first call and change no other one."""

    scales: list[float] | None

    def __init__(self) -> None:
        super().__init__()
        self.scales = None
        self.has_warned = False
        self.offsets = [torch.ones(3), torch.zeros(3)]

    def forward(self, x: Tensor) -> Tensor:
        if not self.has_warned:
            print("once")
            self.has_warned = True
        if self.scales is None:
            self.scales = [float(size) for size in x.shape]
        self.offsets = [offset.to(x.dtype) for offset in self.offsets]
        scales = self.scales
        assert scales is not None
        return x * scales[0] + self.offsets[0] * scales[1]


class Toggles(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.flag = False

    def forward(self, x: Tensor) -> Tensor:
        self.flag = not self.flag
        return x if self.flag else -x


CASES["parts"] = Parts()
CASES["sizes"] = Sizes()
CASES["remembers"] = Remembers()
CASES["branch in place"] = BranchInPlace()
CASES["loop in place"] = LoopInPlace()
X = torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -6.0]])


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", CASES)
def test_construct(client: linalgd.Client, name: str) -> None:
    scripted = torch.jit.script(CASES[name].eval())
    compiled = client.compile(scripted, (X,))
    for x in (X, X * 0.25, -X):  # state goes on from call to call
        with torch.no_grad():
            expected = scripted(x.clone())
        torch.testing.assert_close(compiled(x.clone()), expected)


def test_attribute_that_makes_a_difference(client: linalgd.Client) -> None:
    """What a call finds there another one has left: that cannot be a constant."""
    with pytest.raises(linalgd.CompileError, match="'flag', and does something else when it is called again"):
        client.compile(torch.jit.script(Toggles()), (X,))
