"""Benchmarks of the service: compile against torch-mlir, cached submits, transfers, memory.

    .venv/bin/python tests/bench/service.py [--peer build/peer/bin/python] [NAME...]

tests/bench/service_bench.py says how the peer is installed.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from service_bench import MIB, Bench, Row, main, peak, resident, settle

import linalgd
from linalgd import _blobs

GIB = 1 << 30


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
    note += bench.peer(path, "linalg-on-tensors", seconds["linalg"])
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


BENCHES = {"cold": cold, "cached": cached, "memory": memory}

if __name__ == "__main__":
    sys.exit(main(BENCHES, __doc__))
