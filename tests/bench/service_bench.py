"""What the benchmarks of the service share: a report's rows, servers, models, the peer's environment.

The peer, torch-mlir, goes into an environment of its own, which borrows PyTorch from .venv:

    python3 -m venv build/peer
    build/peer/bin/pip install --no-deps torch-mlir==20261001
    echo "$PWD"/.venv/lib/python3*/site-packages > build/peer/lib/python3.11/site-packages/torch.pth

Each row is measured in one run: what was reached, what must be, and the peer's figure with the ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "integration"), str(ROOT / "client" / "python")]

import linalgd  # noqa: E402
from daemon import Daemon  # noqa: E402

MIB = 1 << 20
PEER_CODE = """
import sys, time, torch
from torch_mlir import fx
program = torch.export.load(sys.argv[1])
begin = time.perf_counter()
module = fx.export_and_import(program, output_type=sys.argv[2])
print("seconds", time.perf_counter() - begin)
"""


@dataclass
class Row:
    """A line of the report: `value` must be at most `limit`, in `unit`; `note` says more."""

    name: str
    value: float
    limit: float
    unit: str
    note: str = ""

    def __str__(self) -> str:
        verdict = "ok" if self.value <= self.limit else "MISSED"
        return (
            f"{self.name:<34} {self.value:>10.4g} {self.unit:<4} must be <= {self.limit:g} {self.unit:<4}"
            f" {verdict:<7} {self.note}"
        )


class Bench:
    """What the benchmarks share: a folder and a ResNet-18 in it."""

    def __init__(self, folder: Path, peer_python: str | None) -> None:
        self.folder = folder
        self.peer_python = peer_python
        self._count = 0

    @contextlib.contextmanager
    def server(self) -> Iterator[tuple[Daemon, linalgd.Client]]:
        """A daemon with an empty store and warm workers."""
        self._count += 1
        folder = self.folder / f"server-{self._count}"
        folder.mkdir()
        with Daemon(folder) as daemon, linalgd.Client(daemon.address) as client:
            import torch

            for width in range(2, 2 + int(client.info().limits["workers"])):
                client.submit(torch.nn.Linear(width, 2), (torch.ones(1, width),)).result(timeout=60)
            yield daemon, client

    def resnet18(self, name: str = "resnet18") -> Path:
        """A new save of ResNet-18 with the weights of seed 0."""
        import torch
        import torchvision

        torch.manual_seed(0)
        model = torchvision.models.resnet18().eval()
        path = self.folder / f"{name}.pt2"
        torch.export.save(torch.export.export(model, (torch.randn(1, 3, 224, 224),)), path)
        settle(path)
        return path

    def peer(self, model: Path, output_type: str, ours: float) -> str:
        """What torch-mlir takes from a loaded program to `output_type`, against `ours` in seconds."""
        if self.peer_python is None:
            return ""
        command = [self.peer_python, "-c", PEER_CODE, str(model), output_type]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"; torch-mlir fails: {done.stderr.strip().splitlines()[-1]}"
        theirs = float(done.stdout.split("seconds")[1])
        return f"; torch-mlir {theirs:.2f} s, {theirs / ours:.1f} times ours"


def settle(path: Path) -> None:
    """Makes a file look old enough for its digests to be remembered at once."""
    os.utime(path, (1, 1))


def resident(pid: int) -> int:
    """Resident memory of a process, bytes; forgets its peak so far."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return status(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most resident memory since `resident`, bytes."""
    return status(pid, "VmHWM")


def status(pid: int, field: str) -> int:
    """A field of /proc/PID/status that is in kB, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


def main(benches: Mapping[str, Callable[[Bench], Iterator[Row]]], description: str | None) -> int:
    """Runs the benchmarks named on the command line; the exit code is 1 where a figure was missed."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(benches)}; none: all")
    parser.add_argument("--peer", help="the python of an environment with torch-mlir")
    options = parser.parse_args()
    unknown = set(options.names) - set(benches)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    missed = 0
    with tempfile.TemporaryDirectory(prefix="linalgd-bench-") as folder:
        bench = Bench(Path(folder), options.peer)
        for name in options.names or benches:
            for row in benches[name](bench):
                print(row, flush=True)
                missed += row.value > row.limit
    return 1 if missed else 0
