"""Benchmarks of the service: import against torch-mlir, compile, cached submits, transfers, memory.

    .venv/bin/python tests/bench/service.py [--peer build/peer/bin/python] [NAME...]

The peer, torch-mlir, goes into an environment of its own, which borrows PyTorch from .venv:

    python3 -m venv build/peer
    build/peer/bin/pip install --no-deps torch-mlir==20261001
    echo "$PWD"/.venv/lib/python3*/site-packages > build/peer/lib/python3.11/site-packages/torch.pth

Each row is measured in this run: what was reached, what must be, and the peer's figure with the ratio.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "client" / "python")]

import linalgd  # noqa: E402
from daemon import Daemon  # noqa: E402
from linalgd import _blobs  # noqa: E402

MIB = 1 << 20
GIB = 1 << 30
PEER_CODE = """
import sys, time, torch
from torch_mlir import fx
program = torch.export.load(sys.argv[1])
begin = time.perf_counter()
module = fx.export_and_import(program, output_type="linalg-on-tensors")
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

    def __init__(self, folder: Path, peer: str | None) -> None:
        self.folder = folder
        self.peer = peer
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


def settle(path: Path) -> None:
    """Makes a file look old enough for its digests to be remembered at once."""
    os.utime(path, (1, 1))


def cold(bench: Bench) -> Iterator[Row]:
    """ResNet-18 to linalg and to an executable, cold cache, warm worker; torch-mlir's time."""
    path = bench.resnet18()
    seconds = {}
    for emit in ("linalg", "executable"):
        times = []
        for _ in range(3):
            with bench.server() as (_, client):
                begin = time.perf_counter()
                artifact = client.submit(path, emit=emit).result(timeout=300)
                times.append(time.perf_counter() - begin)
                assert not artifact.cached
        seconds[emit] = statistics.median(times)
    note = "submit, upload and compile; median of 3"
    if bench.peer is not None:
        command = [bench.peer, "-c", PEER_CODE, str(path)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        theirs = float(printed.split("seconds")[1])
        note += f"; torch-mlir {theirs:.2f} s, {theirs / seconds['linalg']:.1f} times ours (must be >= 10)"
    yield Row("ResNet-18 to linalg, cold", seconds["linalg"], 1.0, "s", note)
    yield Row("ResNet-18 to executable, cold", seconds["executable"], 15.0, "s", "median of 3")


def cached(bench: Bench) -> Iterator[Row]:
    """A submit of a path that is cached, and what a second save sends."""
    path, second = bench.resnet18(), bench.resnet18("second")
    with bench.server() as (_, client):
        client.submit(path).result(timeout=60)
        times = []
        for _ in range(200):
            begin = time.perf_counter()
            artifact = client.submit(path).result(timeout=60)
            times.append((time.perf_counter() - begin) * 1e3)
            assert artifact.cached
        yield Row(
            "cached submit of a path",
            statistics.median(times),
            10.0,
            "ms",
            f"worst of 200 {max(times):.1f} ms",
        )
        sent = counted_upload(client, lambda: client.submit(second).result(timeout=60))
        yield Row("a second save sends", sent / MIB, 1.0, "MiB")


def counted_upload(client: linalgd.Client, action: Callable[[], Any]) -> int:
    """The bytes of blobs that `action` uploads."""
    sent = 0
    upload = _blobs.upload

    def counting(*arguments: Any) -> int:
        nonlocal sent
        count = upload(*arguments)
        sent += count
        return count

    with mock.patch.object(_blobs, "upload", counting):
        action()
    return sent


def memory(bench: Bench) -> Iterator[Row]:
    """The daemon's peak resident memory while 1 GiB goes up and comes down."""
    path = bench.folder / "large.bin"
    with path.open("wb") as file:
        for _ in range(GIB // MIB):
            file.write(os.urandom(MIB))
    settle(path)
    source = _blobs.Memo().source(path)
    (span,) = source.spans
    with bench.server() as (daemon, client):
        before = resident(daemon.process.pid)
        begin = time.perf_counter()
        _blobs.upload(client._rpc, source, [span.digest])
        up = time.perf_counter() - begin
        begin = time.perf_counter()
        received = sum(len(chunk) for chunk in _blobs.download(client._rpc, span.digest))
        down = time.perf_counter() - begin
        assert received == GIB
        grown = (peak(daemon.process.pid) - before) / MIB
    yield Row("daemon grows by, 1 GiB up and down", grown, 64.0, "MiB", f"up {up:.1f} s, down {down:.1f} s")


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


BENCHES = {"cold": cold, "cached": cached, "memory": memory}


def main() -> int:
    """Runs the benchmarks named; the exit code is 1 where a figure was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; none: all")
    parser.add_argument("--peer", help="the python of an environment with torch-mlir")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHES)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    missed = 0
    with tempfile.TemporaryDirectory(prefix="linalgd-bench-") as folder:
        bench = Bench(Path(folder), options.peer)
        for name in options.names or BENCHES:
            for row in BENCHES[name](bench):
                print(row, flush=True)
                missed += row.value > row.limit
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
