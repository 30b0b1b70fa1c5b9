"""How many of torchvision's models come in as TorchScript, scripted and traced.

    tests/bench/torchscript.py [--models NAME ...] [--compiler FILE] [--timeout SECONDS]
                               [--state FILE [--retry]] [--write FILE]

Every model of `torchvision.models.list_models()` is built without a download, turned into TorchScript
and compiled by `linalgd-compile` to `torch-raw` and `torch`. Prints a line a model as it goes, then the
table; `--write docs/torchvision.md` writes that. All of it takes an hour: with `--state`, a run that was
interrupted goes on, and `--retry` measures only what did not arrive.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import itertools
import json
import multiprocessing
import re
import subprocess
import tempfile
import unittest.mock
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import torchvision

COMPILE = Path(__file__).resolve().parents[2] / "build" / "bin" / "linalgd-compile"
FORMS = ("scripted", "traced")
STAGES = ("torch-raw", "torch")

_INTRODUCTION = """\
# torchvision as TorchScript

{count} of the {total} models of `torchvision.models.list_models()` (torchvision {torchvision}, torch
{torch}), by `torch.jit.script` and by `torch.jit.trace`, compiled to `torch-raw` and to `torch`.
`tests/bench/torchscript.py --write docs/torchvision.md` writes this page.

No weights are downloaded or even made: initialisers are left out while a model is built, and then the
elements of each parameter share a thirty-second of its memory, so that the saved file of a model with
600 million of them holds 75 megabytes. `quantized_…` are built with `quantize=True`, weights and
all. Detection models take a list of images, optical flow takes two, video a clip; all sizes are fixed.
"–": PyTorch itself does not make TorchScript of the model in this form, or cannot load what it makes.
"""


@dataclass
class Outcome:
    """What became of a model in one form; `passed` are the stages that were reached."""

    saved: bool
    passed: list[str] = field(default_factory=list)
    problem: str = ""

    def cell(self, stage: str) -> str:
        """Of the table."""
        return "–" if not self.saved else "yes" if stage in self.passed else "no"


Results = dict[str, dict[str, Outcome]]  # by model, then by form


def family(name: str) -> str:
    """The package of torchvision that a model is from: "detection", …; "" for classification."""
    parts = torchvision.models.get_model_builder(name).__module__.split(".")
    return parts[2] if len(parts) > 3 else ""


def small(parameter: torch.Tensor) -> torch.Tensor:
    """A tensor like `parameter` whose elements share memory, within what a file may repeat."""
    storage = torch.full((parameter.numel() // 32 + 1,), 0.01, dtype=parameter.dtype)
    return storage.as_strided(parameter.shape, [stride // 32 for stride in parameter.stride()])


def build(name: str) -> torch.nn.Module:
    """A model in evaluation mode, whose parameters take little memory."""
    builder = torchvision.models.get_model_builder(name)
    if family(name) == "quantization":
        return torchvision.models.get_model(name, weights=None, quantize=True).eval()
    known = inspect.signature(builder).parameters
    options: dict[str, Any] = {"weights_backbone": None} if "weights_backbone" in known else {}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    initialisers: dict[str, Any] = {
        init: lambda tensor, *_, **__: tensor
        for init in dir(torch.nn.init)
        if init.endswith("_") and not init.startswith("_")
    }
    with unittest.mock.patch.multiple(torch.nn.init, **initialisers):
        model = torchvision.models.get_model(name, weights=None, **options).eval()
    for module in model.modules():
        for key, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[key] = torch.nn.Parameter(small(parameter), requires_grad=False)
    return model


def example(name: str) -> tuple[Any, ...]:
    """The arguments of a call."""
    kind = family(name)
    if kind == "video":
        size = 112 if "18" in name else 224
        return (torch.rand(1, 3, 16, size, size),)
    if kind == "detection":
        return ([torch.rand(3, 224, 224)],)
    if kind == "optical_flow":
        return torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128)
    size = 299 if "inception" in name else 224
    return (torch.rand(1, 3, size, size),)


def described(value: Any) -> str:
    """An argument as `linalgd-compile --input` takes it."""
    if isinstance(value, list):
        return f"[{','.join(map(described, value))}]"
    return f"{str(value.dtype).removeprefix('torch.')}[{','.join(map(str, value.shape))}]"


def save(name: str, form: str, path: Path) -> str:
    """Saves a model as TorchScript that can be loaded; what PyTorch says where it cannot, else nothing."""
    warnings.simplefilter("ignore")
    try:
        with torch.no_grad():
            model = build(name)
            if form == "scripted":
                module = torch.jit.script(model)
            else:
                module = torch.jit.trace(model, example(name), strict=False, check_trace=False)
        torch.jit.save(module, path)
        torch.jit.load(path)  # not all that is saved can be
    except Exception as error:  # whatever a model's own code raises
        lines = str(error).strip().splitlines() or [""]
        return f"{type(error).__name__}: {lines[0]}"
    return ""


def in_child(function: Callable[..., str], *arguments: Any, timeout: float) -> str:
    """What a function says in a process of its own, which ends after `timeout` seconds."""

    def call(connection: Connection) -> None:
        connection.send(function(*arguments))

    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=call, args=(sender,))
    child.start()
    sender.close()
    try:
        if not receiver.poll(timeout):
            return f"takes more than {timeout:g} s"
        return str(receiver.recv())
    except EOFError:
        return "the process died"
    finally:
        child.kill()
        child.join()


def measure(name: str, form: str, compiler: Path, timeout: float) -> Outcome:
    """Saves a model and compiles it."""
    with tempfile.TemporaryDirectory(prefix="linalgd-bench-") as folder:
        path = Path(folder) / "model.pt"
        problem = in_child(save, name, form, path, timeout=timeout)
        if problem:
            return Outcome(False, problem=problem)
        command: list[str | Path] = [compiler, path, "--emit", "torch", "-o", Path(folder) / "model.mlir"]
        command += ["--dump-stages", folder]
        for argument in example(name):
            command += ["--input", described(argument)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            code, lines = 1, [f"takes more than {timeout:g} s"]
        else:
            code, lines = done.returncode, done.stderr.strip().splitlines()
        if code == 0:
            return Outcome(True, list(STAGES))
        passed = ["torch-raw"] if (Path(folder) / "torch-raw.mlir").exists() else []
        # The summary; what libtorch says has several lines.
        said = " ".join(lines).rpartition("linalgd-compile: ")[2]
        return Outcome(True, passed, said.replace(folder, "") or f"exit code {code}")


def rates(results: Results) -> list[str]:
    """A sentence a form."""
    sentences = []
    for form in FORMS:
        outcomes = [outcomes[form] for outcomes in results.values()]
        saved = sum(outcome.saved for outcome in outcomes)
        reached = [f"{sum(stage in o.passed for o in outcomes)} of {saved} to `{stage}`" for stage in STAGES]
        sentences.append(f"{form.capitalize()}: {', '.join(reached)}.")
    return sentences


def problems(results: Results, saved: bool) -> list[str]:
    """The lines of a list of what went wrong, each with the models that it befell."""
    found: dict[str, list[str]] = {}
    for name, outcomes in results.items():
        for form, outcome in outcomes.items():
            if outcome.problem and outcome.saved == saved:
                text = re.sub(r"\s+", " ", outcome.problem).replace("<", "&lt;")[:300]
                found.setdefault(text, []).append(f"{name} ({form})")
    return [f"- {', '.join(models)}: {text}" for text, models in found.items()]


def page(results: Results) -> str:
    """The document."""
    lines = [
        _INTRODUCTION.format(
            count=len(results),
            total=len(torchvision.models.list_models()),
            torch=torch.__version__.partition("+")[0],
            torchvision=torchvision.__version__.partition("+")[0],
        ),
        *rates(results),
        "",
        "| model | scripted: `torch-raw` | `torch` | traced: `torch-raw` | `torch` |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, outcomes in results.items():
        cells = [outcomes[form].cell(stage) for form in FORMS for stage in STAGES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for heading, saved in (("What does not arrive", True), ("What PyTorch refuses", False)):
        if found := problems(results, saved):
            lines += ["", f"## {heading}", "", *found]
    return "\n".join(lines) + "\n"


def read_state(path: Path | None) -> Results:
    """What earlier runs found."""
    if path is None or not path.exists():
        return {}
    found = json.loads(path.read_text())
    return {
        name: {form: Outcome(**outcome) for form, outcome in forms.items()} for name, forms in found.items()
    }


def main() -> None:
    """Measures the models and prints, or writes, the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", nargs="*", default=torchvision.models.list_models())
    parser.add_argument("--compiler", type=Path, default=COMPILE, help="the linalgd-compile to measure")
    parser.add_argument("--timeout", type=float, default=180, help="of each step of a model, seconds")
    parser.add_argument("--state", type=Path, help="a JSON file that keeps what was found")
    parser.add_argument("--retry", action="store_true", help="measure what did not arrive once more")
    parser.add_argument("--write", type=Path, help="a file for the page")
    options = parser.parse_args()
    results = read_state(options.state)
    for name, form in itertools.product(options.models, FORMS):
        known = results.get(name, {}).get(form)
        if known and not (options.retry and known.problem):
            continue
        outcome = measure(name, form, options.compiler, options.timeout)
        results.setdefault(name, {})[form] = outcome
        cells = " ".join(f"{stage}: {outcome.cell(stage)}" for stage in STAGES)
        print(f"{name} {form}: {cells} {outcome.problem[:200]}", flush=True)
        if options.state:
            options.state.write_text(json.dumps(results, default=dataclasses.asdict))
    results = {name: results[name] for name in sorted(results) if len(results[name]) == len(FORMS)}
    if options.write:
        options.write.write_text(page(results))
    else:
        print(page(results))


if __name__ == "__main__":
    main()
