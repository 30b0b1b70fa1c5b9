"""Writes the torch.export archives that compiler/import's tests read, beside this file.

Run it with the project's Python environment after a change of PyTorch's version:

    .venv/bin/python compiler/import/testdata/make_fixtures.py
"""

from __future__ import annotations

import pathlib
import re
import tempfile
import types
from typing import Any

import torch
from torch.export import Dim, ExportedProgram, export, save

HERE = pathlib.Path(__file__).parent

MLP = """
import torch
class Mlp(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(4, 8)
        self.relu = torch.nn.ReLU(inplace=True)
        self.second = torch.nn.Linear(8, 2)
    def forward(self, x):
        return self.second(self.relu(self.first(x)))
"""

ODD = """
import torch
class Odd(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(16.0).reshape(4, 4))
        self.tied = self.weight
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("view", torch.arange(24.0).reshape(6, 4)[2:].t())
        self.register_buffer("hidden", torch.arange(4.0), persistent=False)
    def forward(self, x, flag=True, *, scale, extra):
        self.count.add_(1)
        x.mul_(2)
        y = x @ self.weight + self.tied + self.view + self.hidden + torch.tensor([1, 2, 3, 4])
        first, second = y.split(2, dim=-1)
        y = torch.nn.functional.threshold(y, 0.5, -float("inf"))
        return y * scale, [first, x.shape[0] + 1], {"none": None, "text": "t", "x": x, **extra}
"""

BRANCH = """
import torch
class Branch(torch.nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x.cos(), lambda x: x.sin(), (x,))
"""

LOOPS = """
import torch
from torch._higher_order_ops.map import map
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop
class Loops(torch.nn.Module):
    def forward(self, n, x):
        _, doubled = while_loop(lambda i, y: i > 0, lambda i, y: (i - 1, y * 2), (n, x))
        rows = map(lambda row, y: row.sin() + y, doubled, x[0])
        total, sums = scan(lambda c, row: (c + row, c * row), x[1], rows)
        return total, sums
"""

EFFECTS = """
import torch
class Effects(torch.nn.Module):
    def forward(self, x):
        torch.ops.aten._print("x")
        return x + 1
"""

NO_GRADIENTS = """
import torch
class NoGradients(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(4))
    def forward(self, x):
        with torch.no_grad():
            y, z = x.sin() * self.scale, x + 1
        return y.exp(), z
"""

AUTOCAST = """
import torch
class Autocast(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.linear(x)
            with torch.autocast("cpu", enabled=False):
                y = y @ y
            return y + x
"""

CHECKED = """
import torch
class Checked(torch.nn.Module):
    def forward(self, x, length):
        n = length.item()
        torch._check(n >= 1)
        torch._check(n <= x.shape[0])
        torch._check((x.sum() < 100).item())
        return x[:n] * n**2
"""

DATA_DEPENDENT = """
import torch
class DataDependent(torch.nn.Module):
    def forward(self, x):
        return x.nonzero(), x.reshape(x.shape[0] * 4)
"""


def module(source: str, name: str, directory: str) -> torch.nn.Module:
    """Defines a module class from source that lives in a file of `directory`."""
    path = pathlib.Path(directory, f"{name.lower()}_module.py")
    path.write_text(source)
    namespace = types.ModuleType(path.stem)
    exec(compile(source, str(path), "exec"), namespace.__dict__)
    torch.manual_seed(0)
    return namespace.__dict__[name]().eval()


def save_without_paths(program: ExportedProgram, name: str) -> None:
    """Saves `program` as testdata/NAME.pt2, without this machine's directories in its tracebacks."""
    packages = str(pathlib.Path(torch.__file__).parent.parent)
    for graph_module in program.graph_module.modules():
        for node in graph_module.graph.nodes:
            if trace := node.meta.get("stack_trace"):
                trace = trace.replace(packages, "/python/site-packages")
                node.meta["stack_trace"] = re.sub(r'"[^"]*/(\w+_module\.py)"', r'"/models/\1"', trace)
    save(program, HERE / f"{name}.pt2")


def write(name: str, model: torch.nn.Module, *args: Any, **options: Any) -> None:
    """Exports `model` and saves it as testdata/NAME.pt2."""
    save_without_paths(export(model, args, strict=False, **options), name)


def main() -> None:
    """Writes all fixtures."""
    batch = Dim("batch")
    dynamic = {"dynamic_shapes": ({0: batch},)}
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        mlp = module(MLP, "Mlp", first)
        write("mlp", mlp, torch.zeros(3, 4), **dynamic)
        # The same model from another place: a comment above it, other inputs, other weights.
        again = module("# A comment.\n" + MLP, "Mlp", second)
        torch.nn.init.ones_(again.first.weight)
        write("mlp_again", again, torch.ones(5, 4), **dynamic)
        write("mlp_static", mlp, torch.zeros(3, 4))
        write("mlp_half", module(MLP, "Mlp", first).half(), torch.zeros(3, 4).half(), **dynamic)
        inputs = {"scale": 2.0, "extra": {"e": torch.ones(2)}}
        write("odd", module(ODD, "Odd", first), torch.ones(4, 4), False, kwargs=inputs)
        write("branch", module(BRANCH, "Branch", first), torch.ones(4, 4))
        write("loops", module(LOOPS, "Loops", first), torch.tensor(3), torch.ones(4, 4))
        write("no_gradients", module(NO_GRADIENTS, "NoGradients", first), torch.ones(4, 4))
        write("autocast", module(AUTOCAST, "Autocast", first), torch.ones(4, 4))
        write("checked", module(CHECKED, "Checked", first), torch.ones(4, 4), torch.tensor(2))
        dependent = module(DATA_DEPENDENT, "DataDependent", first)
        write("data_dependent", dependent, torch.ones(4, 4), **dynamic)
        with torch.device("meta"):
            write("meta", module(MLP, "Mlp", first), torch.zeros(3, 4), **dynamic)
        effects = export(module(EFFECTS, "Effects", first), (torch.ones(4),), strict=False)
        save_without_paths(effects.run_decompositions(), "effects")
        norm = torch.nn.BatchNorm1d(4).train()
        functional = export(norm, (torch.ones(3, 4),), strict=False).run_decompositions()
        save_without_paths(functional, "norm_functional")
        write("norm", norm, torch.ones(3, 4))


if __name__ == "__main__":
    main()
