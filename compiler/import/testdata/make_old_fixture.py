"""Writes an archive as an older PyTorch does, for compiler/import's tests.

Run it with the PyTorch whose archive is wanted; the version becomes the name of the file:

    python3 -m venv /tmp/old && /tmp/old/bin/pip install torch==2.5.1 numpy
    /tmp/old/bin/python compiler/import/testdata/make_old_fixture.py
"""

from __future__ import annotations

import pathlib
import zipfile

import torch
from torch.export import Dim, export, save

HERE = pathlib.Path(__file__).parent


class Old(torch.nn.Module):
    """Tied weights, a view, a written buffer, one that is not saved, a constant, a fixed input."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)
        self.tied = self.linear.weight
        self.low = torch.nn.Parameter(torch.ones(4, 2, dtype=torch.bfloat16).t())
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("hidden", torch.arange(4.0), persistent=False)

    def forward(self, x: torch.Tensor, flag: bool = True) -> dict[str, object]:
        """One of each."""
        self.mean.add_(x.mean(0))
        scale = self.hidden * torch.tensor([1.0, 2, 3, 4])
        y = self.linear(x) + self.tied[0] + self.mean + scale
        return {"y": y @ self.low.float().t(), "n": x.shape[0] * 2 + 1 + int(flag)}


def main() -> None:
    """Writes old_MAJOR_MINOR.pt2, without the sample inputs and tracebacks."""
    torch.manual_seed(0)
    shapes = {"x": {0: Dim("batch", min=2, max=64)}, "flag": None}
    program = export(Old().eval(), (torch.ones(3, 4), False), dynamic_shapes=shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    name = "old_" + "_".join(torch.__version__.split(".")[:2]) + ".pt2"
    save(program, HERE / name)
    print(name, len(zipfile.ZipFile(HERE / name).namelist()), "entries")


if __name__ == "__main__":
    main()
