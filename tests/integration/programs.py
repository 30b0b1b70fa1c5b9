"""Models that come from files of their own, exported by processes of their own, as users have them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SOURCE = '''\
"""A user's model."""

import sys
from pathlib import Path

import torch
from torch import nn
{above}

class Net(nn.Module):
    def __init__(self, width=16, scale=1.5, dim=-1, constant=0.25):
        super().__init__()
        self.first = nn.Linear(8, width)
        self.second = nn.Linear(width, 4)
        self.scale, self.dim, self.constant = scale, dim, constant

    def forward(self, x):
        y = torch.relu(self.first(x))  # line: relu
        y = self.second(y) * self.scale + torch.tensor(self.constant)  # line: scale
        return torch.softmax(y, dim=self.dim)  # line: softmax


class Strange(nn.Module):
    def forward(self, x):
        y = torch.ops.nobody.knows(x * 2)  # line: knows
        y = y + 1
        return torch.ops.nobody.knows_either(torch.ops.nobody.knows(y), 3)  # line: either


library = torch.library.Library("nobody", "DEF")
library.define("knows(Tensor x) -> Tensor")
library.define("knows_either(Tensor x, int n) -> Tensor")
torch.library.register_fake("nobody::knows", lambda x: torch.empty_like(x))
torch.library.register_fake("nobody::knows_either", lambda x, n: torch.empty_like(x))


def main(folder, prefix, batch):
    def net(seed=0, **options):
        torch.manual_seed(seed)
        return Net(**options).eval()

    def save(name, model, x, dynamic=False, **limits):
        shapes = ({{0: torch.export.Dim("batch", **limits)}},) if dynamic else None
        program = torch.export.export(model, (x,), dynamic_shapes=shapes)
        torch.export.save(program, folder / (prefix + name + ".pt2"))

    def sample(rows=3):
        return torch.randn(rows, 8) + batch

    save("static", net(), sample())
    save("dynamic", net(), sample(batch), dynamic=True)
    save("weights", net(seed=1), sample())
    save("strange", Strange(), sample())
    torch.jit.save(torch.jit.trace(net(), sample()), folder / (prefix + "traced.pt"))
    if batch != 3:
        torch.jit.script(net(width=24))  # the next one's class is called ___torch_mangle_0.Net
    torch.jit.save(torch.jit.script(net()), folder / (prefix + "scripted.pt"))
    if batch == 3:
        save("rows", net(), sample(5))
        save("limited", net(), sample(), dynamic=True, max=16)
        save("width", net(width=24), sample())
        save("scale", net(scale=1.25), sample())
        save("dim", net(dim=0), sample())
        save("constant", net(constant=0.5), sample())
        save("dtype", net().to(torch.bfloat16), sample().to(torch.bfloat16))
        save("input", net().double(), sample().double())


main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
'''


class Program:
    """A file with models, and the process that exports them.

    Attributes:
        path: of the file.
        folder: where the archives are: `folder / f"{prefix}static.pt2"`.
    """

    def __init__(self, folder: Path, name: str, prefix: str, batch: int, above: str = "") -> None:
        """Writes the file and starts the process.

        Args:
            folder: for both, is made.
            name: of the file.
            prefix: of the archives' names.
            batch: the sample's size of the dynamic dimension.
            above: lines above the models.
        """
        folder.mkdir()
        self.folder = folder
        self.prefix = prefix
        self.path = folder / name
        self.path.write_text(_SOURCE.format(above=above))
        command = [sys.executable, str(self.path), str(folder), prefix, str(batch)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def wait(self) -> None:
        """Waits until all is saved."""
        _, errors = self._process.communicate(timeout=120)
        assert self._process.returncode == 0, errors

    def save(self, name: str) -> Path:
        """The archive of a model."""
        (found,) = self.folder.glob(f"{self.prefix}{name}.pt*")
        return found

    def line(self, mark: str) -> int:
        """The number of the line that is marked `# line: mark`."""
        lines = self.path.read_text().splitlines()
        (number,) = (n for n, text in enumerate(lines, 1) if text.endswith(f"# line: {mark}"))
        return number
