"""Compiled executables against eager PyTorch, on the samples of PyTorch's OpInfo database.

Every entry of the database whose ATen ops are all in the compiler is exported, compiled and run, many to
an executable. ``LINALGD_OPINFO=all`` takes more samples, and every dtype.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import multiprocessing
import os
import pickle
import subprocess
import tempfile
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
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
INTEGERS = tuple(dtype for dtype in SAMPLES if not dtype.is_floating_point and dtype is not torch.bool)
INTEGER_POOLS = "average pooling is for floating point only"
ORDER_OF_EQUALS = "where equal elements go is PyTorch's choice; ours is stable"
SCALAR = "refused where an operand is a scalar, or alpha is not 1"


def named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def entries(names: Sequence[str], dtypes: Iterable[torch.dtype], reason: str) -> dict[str, str]:
    return {f"{name} {named(dtype)}": reason for name in names for dtype in dtypes}


# Entries that compile and differ, or do not compile though all their ops are known: name and dtype to the
# reason. An entry that passes must leave.
KNOWN = {
    **entries([f"nn.functional.avg_pool{rank}d" for rank in (1, 2, 3)], INTEGERS, INTEGER_POOLS),
    **entries(["nn.functional.local_response_norm"], INTEGERS, INTEGER_POOLS),
    **entries(["argsort", "sort"], [torch.bool], ORDER_OF_EQUALS),
    **entries(["topk"], INTEGERS, ORDER_OF_EQUALS),
    **entries(["index_add", "index_copy", "index_fill", "nonzero", "nonzero_static"], SAMPLES, SCALAR),
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
            name = " ".join(filter(None, [info.name, info.variant_test_name, named(dtype)]))
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


def inputs_of(samples: Sequence[Sample]) -> list[torch.Tensor]:
    """The tensors of all samples, of their own each time: calls may write to them."""
    return [contiguous(tensor) for sample in samples for tensor in sample.tensors]


def _serve(pipe: Connection, library: Path, inputs: list[torch.Tensor]) -> None:
    pipe.send_bytes(pickle.dumps(pytree.tree_leaves(linalgd.load(library)(*inputs))))


def run(library: Path, samples: Sequence[Sample]) -> list[torch.Tensor]:
    """The executable's flat results, from a process of its own: it may crash."""
    inputs = inputs_of(samples)
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


def compile_samples(archive: bytes, folder: Path) -> Path:
    """Compiles to an executable in `folder`; raises RuntimeError with what the compiler says."""
    (folder / "model.pt2").write_bytes(archive)
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


def export(samples: Sequence[Sample]) -> tuple[torch.export.ExportedProgram, bytes]:
    """The program and its archive."""
    program = torch.export.export(Calls(samples), tuple(inputs_of(samples)), strict=False)
    archive = io.BytesIO()
    torch.export.save(program, archive)
    return program, archive.getvalue()


def as_tensor(result: torch.Tensor | np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """A result as PyTorch's: calls without a tensor return numpy arrays."""
    if isinstance(result, torch.Tensor):
        return result
    if dtype is torch.bfloat16:  # from_numpy does not know ml_dtypes
        return torch.from_numpy(result.view(np.uint16)).view(dtype)
    return torch.from_numpy(result)


def runs(samples: Sequence[Sample], program: torch.export.ExportedProgram) -> bool:
    """Whether PyTorch runs what it exported: some of its range constraints are wrong."""
    try:
        program.module()(*inputs_of(samples))
    except Exception:
        return False
    return True


def check(samples: Sequence[Sample], archive: bytes) -> dict[str, str]:
    """Compiles, runs, compares.

    Returns:
        The failures: the sample's name to the reason.

    Raises:
        RuntimeError: the samples do not compile or do not run.
    """
    with tempfile.TemporaryDirectory(prefix="linalgd-test-") as folder:
        outputs = iter(run(compile_samples(archive, Path(folder)), samples))
    failures = {}
    for sample in samples:
        try:
            compare([as_tensor(next(outputs), one.dtype) for one in sample.expected], sample.expected)
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
        self.running: deque[tuple[list[Sample], torch.export.ExportedProgram, Future[dict[str, str]]]] = (
            deque()
        )

    def submit(self, samples: list[Sample]) -> None:
        try:
            program, archive = export(samples)
        except Exception:
            # PyTorch cannot export one of them, which is not the compiler's fault.
            if len(samples) > 1:
                self.split(samples)
            return
        self.running.append((samples, program, self.pool.submit(check, samples, archive)))

    def split(self, samples: list[Sample]) -> None:
        middle = len(samples) // 2
        self.submit(samples[:middle])
        self.submit(samples[middle:])

    def finish(self) -> None:
        """Waits for all, and finds what makes a batch fail as a whole."""
        while self.running:
            samples, program, future = self.running.popleft()
            try:
                self.failures.update(future.result())
                self.checked += len(samples)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                if len(samples) == 1 and runs(samples, program):
                    self.failures[samples[0].name] = str(error)[:1000]
                elif len(samples) > 1:
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


def test_edge_cases_match_eager() -> None:
    """Cases that the few samples of an entry leave out."""
    torch.manual_seed(0)
    x, zeros = torch.rand(2, 3, 4, 4), torch.tensor([0.0, -0.0, 0.0, -0.0, 1.0])
    bases, powers = torch.tensor([0, 1, -1, 2, -2]).repeat(4), torch.tensor([-1, -2, 0, 3]).repeat(5)
    bits = torch.tensor([5, -5, 127, -128], dtype=torch.int8)
    amounts = torch.tensor([-1, 0, 3, 7, 8, 9], dtype=torch.int8).reshape(6, 1)
    calls: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
        "var, whole correction": (torch.var, (x,), {"dim": 1, "correction": 2}),
        "std_mean, no correction": (torch.std_mean, (x,), {"dim": (0, 1), "correction": 0}),
        "var, unbiased": (torch.var, (x, 1, True), {}),
        "var, biased": (torch.var, (x, 1, False), {}),
        "atan2 of zeros": (torch.atan2, (zeros, zeros.flip(0)), {}),
        "atan2 of integers": (torch.atan2, (zeros.to(torch.int32), zeros.to(torch.int32)), {}),
        "logit, bounds crossed": (torch.logit, (x, 0.6), {}),
        "logit": (torch.logit, (x, 0.2), {}),
        "pow of integers": (torch.pow, (bases, powers), {}),
        "left shift": (torch.bitwise_left_shift, (bits, amounts), {}),
        "right shift": (torch.bitwise_right_shift, (bits, amounts), {}),
        "left shift, unsigned": (torch.bitwise_left_shift, (bits.view(torch.uint8), 9), {}),
        "right shift, unsigned": (torch.bitwise_right_shift, (bits.view(torch.uint8), 9), {}),
        "circular, cropped": (torch.nn.functional.pad, (x, (-1, 1, -2, 1), "circular"), {}),
        "circular, cropped behind": (torch.nn.functional.pad, (x, (2, -1, 1, -1), "circular"), {}),
    }
    samples = []
    for name, (function, args, kwargs) in calls.items():
        leaves, spec = pytree.tree_flatten((args, kwargs))
        expected = contiguous(pytree.tree_leaves(function(*args, **kwargs)))
        samples.append(Sample(name, function, leaves, spec, expected))
    assert check(samples, export(samples)[1]) == {}
