"""Compiled executables against eager PyTorch, on the samples of PyTorch's OpInfo database.

Every entry of the database whose ATen ops are all in the compiler is exported, compiled and run, many to
an executable. ``LINALGD_OPINFO=all`` takes more samples, and every dtype.
"""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import os
import pickle
import subprocess
import tempfile
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils import _pytree as pytree

import linalgd
from conformance.check_op import DTYPES, compare, qualified_name, record, registered_ops
from daemon import binary

ALL = os.environ.get("LINALGD_OPINFO") == "all"
# Samples of an entry, by dtype.
SAMPLES = dict.fromkeys(DTYPES, 8) if ALL else {torch.float32: 2, torch.int64: 1, torch.bool: 1}
BATCH = 80
TIMEOUT = 120.0
# Entries that compile and differ, or do not compile though all their ops are known: name and dtype to the
# reason. An entry that passes must leave.
INTEGER_POOLS = "average pooling is for floating point only"
ORDER_OF_EQUALS = "where equal elements go is PyTorch's choice; ours is stable"
SCALAR = "refused where an operand is a scalar, or alpha is not 1"
KNOWN = {
    "nn.functional.avg_pool1d int64": INTEGER_POOLS,
    "nn.functional.avg_pool2d int64": INTEGER_POOLS,
    "nn.functional.avg_pool3d int64": INTEGER_POOLS,
    "nn.functional.local_response_norm int64": INTEGER_POOLS,
    "argsort bool": ORDER_OF_EQUALS,
    "sort bool": ORDER_OF_EQUALS,
    "topk int64": ORDER_OF_EQUALS,
    **{
        f"{name} {dtype}": SCALAR
        for name in ("index_add", "index_copy", "index_fill", "nonzero", "nonzero_static")
        for dtype in ("bool", "float32", "int64")
    },
}
# What these return is undefined.
UNDEFINED = ("empty", "new_empty")


@dataclasses.dataclass
class Sample:
    """One call of an entry of the database.

    Attributes:
        name: the entry's, its variant and dtype.
        function: what is called.
        leaves: of (args, kwargs).
        spec: of the leaves.
        expected: what PyTorch returns, flat.
    """

    name: str
    function: Any
    leaves: list[Any]
    spec: pytree.TreeSpec
    expected: list[torch.Tensor] = dataclasses.field(default_factory=list)

    @property
    def tensors(self) -> list[torch.Tensor]:
        return [leaf for leaf in self.leaves if isinstance(leaf, torch.Tensor)]

    def call(self, tensors: Sequence[torch.Tensor]) -> Any:
        """The call with other tensors in the place of its own."""
        source = iter(tensors)
        leaves = [next(source) if isinstance(leaf, torch.Tensor) else leaf for leaf in self.leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        return self.function(*args, **kwargs)


class Calls(torch.nn.Module):
    """A model that makes the calls of several samples."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        super().__init__()
        self.samples = samples

    def forward(self, *tensors: torch.Tensor) -> Any:
        """The samples' tensors to their results."""
        source = iter(tensors)
        return [sample.call([next(source) for _ in sample.tensors]) for sample in self.samples]


def contiguous(value: Any) -> Any:
    return pytree.tree_map_only(
        torch.Tensor, lambda t: t.detach().clone(memory_format=torch.contiguous_format), value
    )


def prepare(sample: Sample, known: set[str]) -> bool:
    """Fills in what PyTorch returns; whether the compiler has all ops and types of the call."""
    if any(t.dtype not in DTYPES or t.layout is not torch.strided for t in sample.tensors):
        return False
    sample.leaves = contiguous(sample.leaves)
    args, kwargs = pytree.tree_unflatten(contiguous(sample.leaves), sample.spec)
    try:
        for case in record(sample.function, args, kwargs):
            name = qualified_name(case.op)
            if name not in known or torch.Tag.nondeterministic_seeded in case.op.tags:
                return False
        with torch.no_grad():
            result = sample.call(contiguous(sample.tensors))
    except Exception:  # not every entry can be traced
        return False
    results = pytree.tree_leaves(result)
    if not results or not all(isinstance(one, torch.Tensor) and one.dtype in DTYPES for one in results):
        return False
    sample.expected = contiguous(results)
    return True


def samples() -> Iterator[Sample]:
    """The samples that the compiler must manage."""
    known = registered_ops().keys() | inplace_ops()
    for info in op_db:
        if info.name.startswith(UNDEFINED):
            continue
        for dtype, limit in SAMPLES.items():
            if dtype not in info.supported_dtypes("cpu"):
                continue
            torch.manual_seed(0)
            name = " ".join(
                filter(None, [info.name, info.variant_test_name, str(dtype).removeprefix("torch.")])
            )
            for given in itertools.islice(info.sample_inputs("cpu", dtype, requires_grad=False), limit):
                leaves, spec = pytree.tree_flatten(((given.input, *given.args), given.kwargs))
                sample = Sample(name, info.op, leaves, spec)
                if prepare(sample, known):
                    yield sample


def inplace_ops() -> set[str]:
    """The in-place twins that the compiler knows."""
    output = subprocess.run([binary("linalgd-opt"), "--list-ops"], capture_output=True, text=True, check=True)
    schemas = [line.split("\t")[2] for line in output.stdout.splitlines()]
    return {schema.partition("(")[0].replace("::", ".", 1) for schema in schemas}


def _serve(pipe: Connection, library: Path, inputs: list[torch.Tensor]) -> None:
    pipe.send_bytes(pickle.dumps(pytree.tree_leaves(linalgd.load(library)(*inputs))))


def run(library: Path, samples: Sequence[Sample]) -> list[torch.Tensor]:
    """The executable's flat results, from a process of its own: it may crash."""
    inputs = contiguous([tensor for sample in samples for tensor in sample.tensors])
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_serve, args=(sender, library, inputs))
    child.start()
    sender.close()
    try:
        if not receiver.poll(TIMEOUT):
            raise RuntimeError("the executable does not end")
        return list(pickle.loads(receiver.recv_bytes()))
    except EOFError:
        child.join()
        raise RuntimeError(f"the executable's process ended with {child.exitcode}") from None
    finally:
        child.kill()
        child.join()


def compile_samples(program: torch.export.ExportedProgram, folder: Path) -> Path:
    """Compiles to an executable in `folder`; raises RuntimeError with what the compiler says."""
    torch.export.save(program, folder / "model.pt2")
    command = [
        binary("linalgd-compile"),
        folder / "model.pt2",
        "--emit",
        "executable",
        "-o",
        folder / "model.so",
    ]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=TIMEOUT)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"linalgd-compile ended with {done.returncode}")
    return folder / "model.so"


def export(samples: Sequence[Sample]) -> torch.export.ExportedProgram:
    inputs = contiguous(tuple(tensor for sample in samples for tensor in sample.tensors))
    return torch.export.export(Calls(samples), inputs, strict=False)


def check(samples: Sequence[Sample], program: torch.export.ExportedProgram) -> dict[str, str]:
    """Compiles, runs, compares.

    Returns:
        The failures: the sample's name to the reason.

    Raises:
        RuntimeError: the samples do not compile or do not run.
    """
    with tempfile.TemporaryDirectory(prefix="linalgd-test-") as folder:
        outputs = iter(run(compile_samples(program, Path(folder)), samples))
    failures = {}
    for sample in samples:
        try:
            compare([next(outputs) for _ in sample.expected], sample.expected)
        except AssertionError as error:
            failures[sample.name] = str(error)
    return failures


class Runner:
    """Checks batches: exports in this thread, compiles and runs in another.

    Attributes:
        failures: the sample's name to the reason.
        checked: how many samples compiled and ran, and were compared.
    """

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.failures: dict[str, str] = {}
        self.checked = 0
        self.running: deque[tuple[list[Sample], Future[dict[str, str]]]] = deque()

    def submit(self, samples: list[Sample]) -> None:
        try:
            program = export(samples)
        except Exception:
            # PyTorch cannot export one of them, which is not the compiler's fault.
            if len(samples) > 1:
                self.split(samples)
            return
        self.running.append((samples, self.pool.submit(check, samples, program)))

    def split(self, samples: list[Sample]) -> None:
        middle = len(samples) // 2
        self.submit(samples[:middle])
        self.submit(samples[middle:])

    def finish(self) -> None:
        """Waits for all, and finds what makes a batch fail as a whole."""
        while self.running:
            samples, future = self.running.popleft()
            try:
                self.failures.update(future.result())
                self.checked += len(samples)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                if len(samples) == 1:
                    self.failures[samples[0].name] = str(error)[:1000]
                else:
                    self.split(samples)


def test_samples_match_eager() -> None:
    """Wrong numbers and crashes are defects; `KNOWN` has those that are accepted for now."""
    warnings.simplefilter("ignore")
    source = samples()
    names: set[str] = set()
    with ThreadPoolExecutor(1) as pool:
        runner = Runner(pool)
        while batch := list(itertools.islice(source, BATCH)):
            names.update(sample.name for sample in batch)
            runner.submit([sample for sample in batch if sample.name not in KNOWN])
            for sample in batch:
                if sample.name in KNOWN:
                    runner.submit([sample])
        runner.finish()
    failures = runner.failures
    wrong = [f"{name}: {reason}" for name, reason in sorted(failures.items()) if name not in KNOWN]
    wrong += [f"{name}: passes, and is in KNOWN" for name in KNOWN if name in names - failures.keys()]
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(names)} entries:\n" + "\n".join(wrong), pytrace=False)
    assert runner.checked > 500
