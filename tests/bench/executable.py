"""Executables against PyTorch eager: one thread and the instruction set of the target for both.

    .venv/bin/python tests/bench/executable.py [--target x86-64-v3] [MODEL...]

The models are those of tests/models/zoo.py; the two are run in turns, and the medians are compared.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# What holds PyTorch and oneDNN to a target's instruction set; read when they are loaded.
CAPABILITIES = {
    "x86-64-v2": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "x86-64-v3": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "x86-64-v4": {"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
}
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "client" / "python")]
MODELS = ("resnet18", "mobilenet_v3_small", "vit_b_16", "bert", "gpt2")
LIMITS = {"resnet18": 10.0}
SECONDS = 10.0


def compiled(name: str, target: str) -> list[Callable[[], Any]]:
    """The model of the zoo at batch 1 as two calls without arguments: our executable, and eager."""
    import torch

    import linalgd
    from daemon import binary
    from models.comparison import assert_like_eager
    from models.zoo import make

    sample = make(name, 1)
    program = torch.export.export(sample.model, sample.args, dict(sample.kwargs))
    with tempfile.TemporaryDirectory(prefix="linalgd-bench-") as folder:
        model, library = Path(folder) / "model.pt2", Path(folder) / "model.so"
        torch.export.save(program, model)
        command = [str(binary("linalgd-compile")), str(model), "--emit", "executable", "--target", target]
        subprocess.run([*command, "-o", str(library)], check=True)
        executable = linalgd.load(library)
    calls: list[Callable[[], Any]] = [
        partial(call, *sample.args, **sample.kwargs) for call in (executable, sample.model)
    ]
    assert_like_eager(*(call() for call in calls))
    return calls


def measure(*calls: Callable[[], Any]) -> list[float]:
    """The median time of each call in milliseconds; they are called in turns for about `SECONDS`."""
    times: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times[0]) < 5:
        for call, taken in zip(calls, times, strict=True):
            begin = time.perf_counter()
            call()
            taken.append((time.perf_counter() - begin) * 1e3)
    return [statistics.median(taken) for taken in times]


def main() -> int:
    """Runs the benchmarks named; the exit code is 1 where a ratio was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="MODEL", help=f"of the zoo; none: {', '.join(MODELS)}")
    parser.add_argument("--target", choices=CAPABILITIES, default="x86-64-v3")
    options = parser.parse_args()
    os.environ.update(CAPABILITIES[options.target])

    import torch

    torch.set_num_threads(1)
    missed = 0
    with torch.no_grad():
        for name in options.names or MODELS:
            ours, eager = measure(*compiled(name, options.target))
            ratio, limit = ours / eager, LIMITS.get(name, math.inf)
            verdict = "ok" if ratio <= limit else "MISSED"
            row = f"{name:<20} {options.target} {ours:8.2f} ms  eager {eager:8.2f} ms  {ratio:5.2f} times"
            print(f"{row}  must be <= {limit:g}  {verdict}", flush=True)
            missed += ratio > limit
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
