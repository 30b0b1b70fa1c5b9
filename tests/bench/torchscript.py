"""How many of torchvision's models come in as TorchScript: a table for scripted and traced modules.

    tests/bench/torchscript.py [--models NAME ...] [--timeout SECONDS]

Each model has random weights and is compiled by `linalgd-compile` to `torch-raw` and to `torch`.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import warnings
from pathlib import Path

import torch
import torchvision

COMPILE = Path(__file__).resolve().parents[2] / "build" / "bin" / "linalgd-compile"
STAGES = ("torch-raw", "torch")


def shape_of(name: str) -> list[int]:
    """The input of a model: an image, or a clip for the models of `torchvision.models.video`."""
    module = torchvision.models.get_model_builder(name).__module__
    if ".video" in module:
        return [1, 3, 16, 224, 224]
    return [1, 3, 299, 299] if name == "inception_v3" else [1, 3, 224, 224]


def save(name: str, form: str, path: Path) -> str:
    """Saves a model as TorchScript; what PyTorch says where it cannot, else an empty text."""
    model = torchvision.models.get_model(name, weights=None).eval()
    try:
        if form == "scripted":
            module = torch.jit.script(model)
        else:
            module = torch.jit.trace(model, torch.randn(shape_of(name)), strict=False, check_trace=False)
        torch.jit.save(module, path)
    except (RuntimeError, torch.jit.Error, TypeError, ValueError) as error:
        return f"torch: {str(error).strip().splitlines()[0]}"
    return ""


def compile_to(stage: str, name: str, path: Path, timeout: float) -> str:
    """Compiles; the first line of what is wrong, else an empty text."""
    sizes = ",".join(map(str, shape_of(name)))
    command: list[str | Path] = [
        COMPILE,
        path,
        "--input",
        f"x:float32[{sizes}]",
        "--emit",
        stage,
        "-o",
        path.with_suffix(".mlir"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return f"takes more than {timeout:g} s"
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else (lines or [f"exit code {done.returncode}"])[-1]


def main() -> None:
    """Prints the table, then the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=torchvision.models.list_models())
    parser.add_argument("--timeout", type=float, default=60)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    passed: dict[tuple[str, str], int] = {}
    print("| model | form | torch-raw | torch | |\n| --- | --- | --- | --- | --- |")
    for name in options.models:
        for form in ("scripted", "traced"):
            with tempfile.TemporaryDirectory(prefix="linalgd-bench-") as folder:
                path = Path(folder) / "model.pt"
                problem = save(name, form, path)
                cells = ["-", "-"]
                if not problem:
                    passed[form, "saved"] = passed.get((form, "saved"), 0) + 1
                    for index, stage in enumerate(STAGES):
                        failure = compile_to(stage, name, path, options.timeout)
                        cells[index] = "no" if failure else "yes"
                        passed[form, stage] = passed.get((form, stage), 0) + (not failure)
                        problem = problem or failure
            print(f"| {name} | {form} | {cells[0]} | {cells[1]} | {problem[:160]} |", flush=True)
    for form in ("scripted", "traced"):
        for stage in STAGES:
            print(f"{form} to {stage}: {passed.get((form, stage), 0)} of {passed.get((form, 'saved'), 0)}")


if __name__ == "__main__":
    main()
