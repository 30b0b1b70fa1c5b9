"""The main job on a real model: ResNet-18, as .pt2 and as TorchScript, through both clients.

Run it by `./deploy/demo`, which sets up and builds first.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torchvision

import linalgd

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / "build" / "bin"
TOLERANCE = 1e-4


def step(title: str) -> None:
    """Prints a heading."""
    print(f"\n\033[1m{title}\033[0m" if sys.stdout.isatty() else f"\n== {title}", flush=True)


def run(*command: str | Path) -> str:
    """Runs a command, showing it; returns what it printed, and fails loudly when it does."""
    print("$ " + " ".join(str(word).replace(f"{ROOT}/", "") for word in command), flush=True)
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"demo: it failed with exit code {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def daemon(store: Path) -> Iterator[tuple[str, str]]:
    """A daemon on free loopback ports: (its address, its metrics' address). Drained at the end."""
    log = (store.parent / "linalgd.log").open("w")
    process = subprocess.Popen(
        [BIN / "linalgd", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--store", store],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        addresses = {}
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.fullmatch(r"(metrics|listening) on (\S+)\n", line):
                addresses[found[1]] = found[2]
            if "listening" in addresses:
                break
        else:
            sys.exit(f"demo: the daemon did not start:\n{(store.parent / 'linalgd.log').read_text()}")
        yield addresses["listening"], addresses["metrics"]
        step("Drain the daemon")
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
        print(f"the daemon exited with code {code}")
        if code != 0:
            sys.exit("demo: the daemon did not drain cleanly")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        log.close()


def difference(title: str, got: np.ndarray, want: torch.Tensor) -> None:
    """Prints the largest difference, relative to the largest value; fails over the tolerance."""
    reference = want.detach().numpy()
    relative = float(np.abs(got - reference).max() / np.abs(reference).max())
    print(f"{title}: largest difference from PyTorch {relative:.1e} relative")
    if got.shape != reference.shape or not relative <= TOLERANCE:
        sys.exit(f"demo: that is more than {TOLERANCE:.0e}")


def show_timings(timings: dict[str, float]) -> None:
    """Prints the seconds of each stage."""
    for stage, seconds in timings.items():
        print(f"  {stage:<12} {seconds * 1000:8.1f} ms")


def show_metrics(address: str) -> None:
    """Prints the daemon's main metrics."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    for line in text.splitlines():
        if re.match(r"linalgd_(jobs|cache|store|worker)\w*(?<!_bucket)[{ ]", line):
            print(f"  {line}")


def main() -> None:
    """Runs the demo."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(prefix="linalgd-demo-") as name:
        folder = Path(name)
        step("Export torchvision's ResNet-18 (random weights) as .pt2 and as traced TorchScript")
        model = torchvision.models.resnet18().eval()
        x = torch.randn(1, 3, 224, 224)
        want = model(x)
        pt2, traced = folder / "resnet18.pt2", folder / "resnet18.pt"
        torch.export.save(torch.export.export(model, (x,)), pt2)
        torch.jit.trace(model, x).save(str(traced))
        np.save(folder / "x.npy", x.numpy())
        for path in (pt2, traced):
            print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")

        with daemon(folder / "store") as (address, metrics):
            command_line(address, folder, want)
            python_client(address, folder, x, want)
            step("The daemon's main metrics")
            show_metrics(metrics)

    step("It works. What to try next")
    print(
        "  build/bin/linalgd &                                   a daemon on localhost:8470\n"
        "  build/bin/linalgc compile MODEL.pt2 --emit linalg -o model.mlir\n"
        "  build/bin/linalgc compile MODEL.pt2 --emit executable -o model.so\n"
        "  README.md has a tour of each client, docs/ the rest."
    )


def command_line(address: str, folder: Path, want: torch.Tensor) -> None:
    """Compiles both files with linalgc; runs the executable by a C++ program."""
    linalgc: list[str | Path] = [BIN / "linalgc", "--server", address, "--json"]
    signature = ["--input", "x:float32[1,3,224,224]"]
    cases: list[tuple[Path, list[str]]] = [
        (folder / "resnet18.pt2", []),
        (folder / "resnet18.pt", signature),
    ]
    for path, options in cases:
        step(f"linalgc: {path.name} to linalg IR, which mlir-opt-22 accepts, and to an executable")
        mlir, library = path.with_suffix(f"{path.suffix}.mlir"), path.with_suffix(f"{path.suffix}.so")
        for emit, out in (("linalg", mlir), ("executable", library)):
            report = json.loads(run(*linalgc, "compile", path, *options, "--emit", emit, "-o", out))
            show_timings(report["timings"])
        run("mlir-opt-22", "--verify-each", mlir, "-o", os.devnull)
        step(f"A C++ program loads {library.name} and runs it")
        result = folder / "y.npy"
        run(BIN / "linalgd-run", library, folder / "x.npy", result)
        difference("C++", np.load(result), want)


def python_client(address: str, folder: Path, x: torch.Tensor, want: torch.Tensor) -> None:
    """Compiles both files with the Python client; submits one again."""
    step("Python: an executable, called like the model")
    with linalgd.Client(address) as client:
        executable = client.compile(folder / "resnet18.pt2", args=(x,))
        difference("Python, .pt2", executable(x.numpy()), want)
        executable = client.compile(folder / "resnet18.pt", args=(x,))
        difference("Python, TorchScript", executable(x.numpy()), want)
        artifact = client.submit(folder / "resnet18.pt2", emit="linalg").result()
        print(f"linalg IR: {len(artifact.text().splitlines())} lines without weights")

        step("Submit it again: a cache hit")
        start = time.perf_counter()
        again = client.submit(folder / "resnet18.pt2", emit="linalg").result()
        elapsed = time.perf_counter() - start
        print(f"key {again.key[:16]}…, cached: {again.cached}, {elapsed * 1000:.1f} ms")
        if not again.cached or again.key != artifact.key:
            sys.exit("demo: the second submit was no cache hit")


if __name__ == "__main__":
    main()
