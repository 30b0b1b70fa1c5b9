"""Checks ops against PyTorch: as torch IR through linalgd-opt and MLIR's own back end, run in process.

From the command line, with inputs from PyTorch's OpInfo database:

    .venv/bin/python tests/conformance/check_op.py aten.add.Tensor aten.relu --dtypes float32 int64

As a library: ``check([Case(torch.ops.aten.add.Tensor, (x, y))])``.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import ctypes
import dataclasses
import functools
import inspect
import itertools
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.testing._internal.common_methods_invocations import op_db

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
OPT = REPOSITORY / "build" / "bin" / "linalgd-opt"

DTYPES = {
    torch.float32: "f32",
    torch.float64: "f64",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.int8: "si8",
    torch.int16: "si16",
    torch.int32: "si32",
    torch.int64: "si64",
    torch.uint8: "ui8",
    torch.bool: "i1",
}
# c10::ScalarType, as in the constants of torch IR.
SCALAR_TYPES = {
    torch.uint8: 0,
    torch.int8: 1,
    torch.int16: 2,
    torch.int32: 3,
    torch.int64: 4,
    torch.float16: 5,
    torch.float32: 6,
    torch.float64: 7,
    torch.bool: 11,
    torch.bfloat16: 15,
}
MEMORY_FORMATS = {torch.contiguous_format: 0, torch.preserve_format: 1, torch.channels_last: 2}

TO_LINALG = [
    "--linalgd-functionalize",
    "--linalgd-infer-types",
    "--linalgd-decompose",
    "--linalgd-infer-types",
    "--linalgd-check-supported",
    "--linalgd-lower-to-linalg",
    "--canonicalize",
    "--cse",
]
# Softmax and the like have no loops of their own in upstream's passes.
DECOMPOSE_NAMED = """
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %found = transform.structured.match ops{["linalg.softmax"]} in %root
        : (!transform.any_op) -> !transform.any_op
    transform.structured.decompose_interface %found : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}
"""
TO_LLVM = (
    "builtin.module(transform-preload-library{{transform-library-paths={library}}},"
    "transform-interpreter,"
    "one-shot-bufferize{{bufferize-function-boundaries"
    " function-boundary-type-conversion=identity-layout-map}},"
    "func.func(convert-linalg-to-loops),convert-scf-to-cf,expand-strided-metadata,lower-affine,"
    "convert-math-to-funcs,convert-math-to-llvm,convert-math-to-libm,arith-expand{{include-bf16=true}},"
    "convert-arith-to-llvm,"
    "convert-complex-to-llvm,convert-index-to-llvm,finalize-memref-to-llvm,convert-cf-to-llvm,"
    "convert-func-to-llvm,reconcile-unrealized-casts)"
)


class Unsupported(Exception):
    """A value that this harness cannot write as torch IR."""


@dataclasses.dataclass
class Case:
    """One call of an ATen op.

    Attributes:
        op: the overload.
        args: positional arguments, as the op takes them.
        kwargs: keyword arguments.
        dynamic: whether sizes other than 1 are unknown at compile time.
    """

    op: torch._ops.OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    dynamic: bool = False

    def describe(self) -> str:
        """The call on one line."""

        def show(value: Any) -> str:
            if isinstance(value, torch.Tensor):
                return f"{DTYPES.get(value.dtype, value.dtype)}{list(value.shape)}"
            if isinstance(value, (list, tuple)):
                return "[" + ", ".join(map(show, value)) + "]"
            return repr(value)

        shown = [show(arg) for arg in self.args]
        shown += [f"{name}={show(value)}" for name, value in self.kwargs.items()]
        return f"{self.op}({', '.join(shown)})" + (" dynamic" if self.dynamic else "")


def qualified_name(op: torch._ops.OpOverload) -> str:
    """An overload's name in the dialect: "aten.add.Tensor"; ".default" is dropped."""
    return str(op).removesuffix(".default")


class FunctionWriter:
    """Writes one case as a function of torch-raw IR."""

    def __init__(self, case: Case, name: str) -> None:
        self.case = case
        self.name = name
        self.lines: list[str] = []
        self.inputs: list[torch.Tensor] = []
        self.count = itertools.count()

    def tensor_type(self, tensor: torch.Tensor) -> str:
        if tensor.dtype not in DTYPES or tensor.layout is not torch.strided:
            raise Unsupported(f"a tensor of {tensor.dtype} and {tensor.layout}")
        sizes = ["?" if self.case.dynamic and size != 1 else str(size) for size in tensor.shape]
        return f"!torch.tensor<[{','.join(sizes)}],{DTYPES[tensor.dtype]}>"

    def emit(self, text: str, kind: str) -> tuple[str, str]:
        value = f"%v{next(self.count)}"
        self.lines.append(f"{value} = {text}")
        return value, kind

    def value(self, value: Any) -> tuple[str, str]:
        """Emits what makes `value`; returns its name and type."""
        if isinstance(value, torch.Tensor):
            self.inputs.append(value)
            return f"%a{len(self.inputs) - 1}", self.tensor_type(value)
        if value is None:
            return self.emit("torch.constant.none", "!torch.none")
        if isinstance(value, bool):
            return self.emit(f"torch.constant.bool {str(value).lower()}", "!torch.bool")
        if isinstance(value, int):
            return self.emit(f"torch.constant.int {value}", "!torch.int")
        if isinstance(value, float):
            bits = int.from_bytes(bytearray(ctypes.c_double(value))[::-1], "big")
            text = f"{value:.17e}" if abs(value) < float("inf") else f"0x{bits:016X}"
            return self.emit(f"torch.constant.float {text}", "!torch.float")
        if isinstance(value, str):
            return self.emit(f'torch.constant.str "{value}"', "!torch.str")
        if isinstance(value, torch.device):
            return self.emit(f'torch.constant.device "{value}"', "!torch.Device")
        for table in (SCALAR_TYPES, MEMORY_FORMATS, {torch.strided: 0}):
            with contextlib.suppress(KeyError, TypeError):
                return self.emit(f"torch.constant.int {table[value]}", "!torch.int")
        if isinstance(value, (list, tuple)):
            elements = [self.value(element) for element in value]
            names = ", ".join(name for name, _ in elements)
            kinds = [kind for _, kind in elements]
            element = kinds[0].removeprefix("!torch.") if kinds else "int"
            if any(kind != kinds[0] for kind in kinds):
                if not all(kind.startswith("!torch.tensor") for kind in kinds):
                    raise Unsupported("a list of several types")
                element = "tensor"
            return self.emit(
                f"torch.prim.ListConstruct {names} : ({', '.join(kinds)}) -> !torch.list<{element}>",
                f"!torch.list<{element}>",
            )
        raise Unsupported(f"a value of {type(value)}")

    def arguments(self) -> list[Any]:
        """The values of all the schema's arguments, defaults included, in order."""
        given = list(self.case.args)
        values = []
        for position, argument in enumerate(self.case.op._schema.arguments):
            if position < len(given):
                value = given[position]
            elif argument.name in self.case.kwargs:
                value = self.case.kwargs[argument.name]
            elif argument.has_default_value():
                value = argument.default_value
            else:
                raise Unsupported(f"no value for {argument.name}")
            kind = str(argument.type)
            if isinstance(value, int) and not isinstance(value, bool) and kind.startswith("List"):
                value = [value] * (argument.N or 1)
            if isinstance(value, int) and kind == "float":
                value = float(value)
            values.append(value)
        return values

    def write(self, results: Sequence[torch.Tensor]) -> str:
        """The function's text.

        Args:
            results: what PyTorch computes; only types are taken from them.
        """
        operands = [self.value(value) for value in self.arguments()]
        names = ", ".join(name for name, _ in operands)
        kinds = ", ".join(kind for _, kind in operands)
        types = [self.tensor_type(result) for result in results]
        op = qualified_name(self.case.op)
        returns = [str(result.type) for result in self.case.op._schema.returns]
        if any(kind != "Tensor" and kind != "List[Tensor]" for kind in returns):
            raise Unsupported(f"results of {returns}")
        tail = f"torch.{op} {names} : {kinds} -> "
        if returns == ["List[Tensor]"]:
            self.lines.append(f"%l = {tail}!torch.list<tensor>")
            unpacked = f"torch.prim.ListUnpack %l : !torch.list<tensor> -> {', '.join(types)}"
            self.lines.append(f"%r:{len(types)} = {unpacked}")
        else:
            self.lines.append(f"%r:{len(types)} = {tail}{', '.join(types)}")
        values = ", ".join(f"%r#{i}" for i in range(len(types)))
        parameters = ", ".join(f"%a{i}: {self.tensor_type(tensor)}" for i, tensor in enumerate(self.inputs))
        body = "\n  ".join([*self.lines, f"return {values} : {', '.join(types)}"])
        head = f"func.func @{self.name}({parameters}) -> ({', '.join(types)})"
        return f"{head} attributes {{llvm.emit_c_interface}} {{\n  {body}\n}}\n"


def tool(command: Sequence[str | pathlib.Path], text: str = "") -> str:
    """Runs a tool with `text` on its standard input; raises RuntimeError with its errors."""
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr or f"{command[0]} ended with {done.returncode}")
    return done.stdout


@functools.cache
def descriptor_type(rank: int) -> type[ctypes.Structure]:
    """The C struct of a memref descriptor."""

    class Descriptor(ctypes.Structure):
        _fields_ = [
            ("allocated", ctypes.c_void_p),
            ("aligned", ctypes.c_void_p),
            ("offset", ctypes.c_int64),
            ("sizes", ctypes.c_int64 * rank),
            ("strides", ctypes.c_int64 * rank),
        ]

    return Descriptor


def to_descriptor(tensor: torch.Tensor) -> ctypes.Structure:
    """The descriptor of a contiguous tensor."""
    made = descriptor_type(tensor.dim())()
    made.allocated = made.aligned = tensor.data_ptr()
    made.sizes = (ctypes.c_int64 * tensor.dim())(*tensor.shape)
    made.strides = (ctypes.c_int64 * tensor.dim())(*tensor.stride())
    return made


def from_descriptor(made: Any, dtype: torch.dtype) -> torch.Tensor:
    """A copy of what a descriptor of that dtype refers to."""
    shape, strides = list(made.sizes), list(made.strides)
    if 0 in shape:
        return torch.empty(shape, dtype=dtype)
    length = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    itemsize = torch.empty(0, dtype=dtype).element_size()
    memory = (ctypes.c_uint8 * (length * itemsize)).from_address(made.aligned + made.offset * itemsize)
    return torch.frombuffer(memory, dtype=dtype).as_strided(shape, strides).clone()


def build(text: str, folder: pathlib.Path) -> ctypes.CDLL:
    """Compiles torch-raw IR to a library loaded into this process."""
    library = folder / "decompose.mlir"
    library.write_text(DECOMPOSE_NAMED)
    linalg = tool([OPT, *TO_LINALG], text)
    llvm_dialect = tool(["mlir-opt-22", f"--pass-pipeline={TO_LLVM.format(library=library)}"], linalg)
    llvm_ir = tool(["mlir-translate-22", "--mlir-to-llvmir"], llvm_dialect)
    source, shared = folder / "cases.ll", folder / "cases.so"
    source.write_text(llvm_ir)
    flags = ["-O1", "-w", "-march=x86-64-v3", "-fPIC", "-shared", "-lm", "-rtlib=compiler-rt"]
    runner = "-L/usr/lib/llvm-22/lib", "-lmlir_c_runner_utils", "-Wl,-rpath,/usr/lib/llvm-22/lib"
    tool(["clang-22", *flags, *runner, source, "-o", shared])
    return ctypes.CDLL(str(shared))


def call(
    library: ctypes.CDLL, name: str, inputs: Sequence[torch.Tensor], like: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """Calls a compiled function; `like` gives the results' ranks and dtypes."""
    fields = [(f"r{i}", descriptor_type(result.dim())) for i, result in enumerate(like)]
    results = type("Results", (ctypes.Structure,), {"_fields_": fields})()
    contiguous = [tensor.detach().contiguous() for tensor in inputs]
    arguments = [to_descriptor(tensor) for tensor in contiguous]
    function = getattr(library, "_mlir_ciface_" + name)
    function.restype = None
    function(ctypes.byref(results), *map(ctypes.byref, arguments))
    return [from_descriptor(getattr(results, f"r{i}"), t.dtype) for i, t in enumerate(like)]


def expected_results(case: Case) -> list[torch.Tensor]:
    """What PyTorch computes, contiguous."""
    args = torch.utils._pytree.tree_map_only(torch.Tensor, torch.clone, (case.args, case.kwargs))
    with torch.no_grad():
        result = case.op(*args[0], **args[1])
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    if not all(isinstance(one, torch.Tensor) for one in results):
        raise Unsupported("a result that is no tensor")
    return [one.detach().contiguous() for one in results]


def compare(actual: Sequence[torch.Tensor], expected: Sequence[torch.Tensor]) -> None:
    """Raises AssertionError where results differ beyond the dtype's usual tolerance."""
    for ours, theirs in zip(actual, expected, strict=True):
        tolerance: dict[str, float] = {}
        if theirs.dtype in (torch.float16, torch.bfloat16):
            eps = torch.finfo(theirs.dtype).eps
            tolerance = {"rtol": 2 * eps, "atol": 2 * eps}
        elif theirs.dtype is torch.float32:
            tolerance = {"rtol": 2e-5, "atol": 2e-5}
        torch.testing.assert_close(ours, theirs, equal_nan=True, **tolerance)


def check(cases: Iterable[Case], batch: int = 200) -> tuple[int, dict[str, str]]:
    """Compiles, runs and compares.

    Returns:
        How many cases could be written as IR and were run, and the failures: the case's description
        to the reason.
    """
    failures: dict[str, str] = {}
    prepared: list[tuple[Case, FunctionWriter, str, list[torch.Tensor]]] = []
    for index, case in enumerate(cases):
        writer = FunctionWriter(case, f"case{index}")
        try:
            results = expected_results(case)
            prepared.append((case, writer, writer.write(results), results))
        except (Unsupported, RuntimeError):
            continue

    def run(group: list[tuple[Case, FunctionWriter, str, list[torch.Tensor]]]) -> None:
        if not group:
            return
        with tempfile.TemporaryDirectory() as folder:
            try:
                library = build("".join(text for _, _, text, _ in group), pathlib.Path(folder))
            except RuntimeError as error:
                if len(group) == 1:
                    failures[group[0][0].describe()] = str(error).strip()[:1500]
                    return
                middle = len(group) // 2
                run(group[:middle])
                run(group[middle:])
                return
            for case, writer, _, expected in group:
                try:
                    compare(call(library, writer.name, writer.inputs, expected), expected)
                except AssertionError as error:
                    failures[case.describe()] = str(error)

    for start in range(0, len(prepared), batch):
        run(prepared[start : start + batch])
    return len(prepared), failures


class Recorder(torch.fx.Interpreter):
    """Runs a traced graph and records its calls of ATen ops."""

    def __init__(self, module: torch.fx.GraphModule, cases: list[Case]) -> None:
        super().__init__(module)
        self.cases = cases

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(target, torch._ops.OpOverload):
            copy = torch.utils._pytree.tree_map_only(torch.Tensor, torch.clone, (args, kwargs))
            self.cases.append(Case(target, copy[0], copy[1]))
        return super().call_function(target, args, kwargs)


def record(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Case]:
    """The ATen calls that `function(*args, **kwargs)` makes, composite ones kept whole."""
    leaves, spec = torch.utils._pytree.tree_flatten((tuple(args), kwargs))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]

    def flat(*tensors: torch.Tensor) -> Any:
        values = list(leaves)
        for place, tensor in zip(places, tensors, strict=True):
            values[place] = tensor
        call_args, call_kwargs = torch.utils._pytree.tree_unflatten(values, spec)
        return function(*call_args, **call_kwargs)

    tensors = [leaves[place].detach() for place in places]
    cases: list[Case] = []
    with torch.no_grad():
        module = make_fx(flat, pre_dispatch=True)(*tensors)
        Recorder(module, cases).run(*tensors)
    return cases


def sampled_cases(
    names: set[str], dtypes: Sequence[torch.dtype], limit: int, match: str | None = None
) -> Iterator[Case]:
    """Calls of the ops `names` from the OpInfo database, `limit` for each op and dtype.

    Args:
        names: qualified names: "aten.add.Tensor".
        dtypes: those of the database's inputs.
        limit: the most cases for one op and input dtype.
        match: only entries of the database whose name contains it.
    """
    for dtype in dtypes:
        counts: collections.Counter[str] = collections.Counter()
        for info in op_db:
            wanted = match is None or match in info.name or match in info.variant_test_name
            if not wanted or dtype not in info.supported_dtypes("cpu"):
                continue
            torch.manual_seed(0)
            samples = itertools.islice(info.sample_inputs("cpu", dtype, requires_grad=False), limit)
            for sample in samples:
                try:
                    cases = record(info.op, (sample.input, *sample.args), sample.kwargs)
                except Exception:  # not every entry can be traced
                    break
                for case in cases:
                    name = qualified_name(case.op)
                    if torch.Tag.nondeterministic_seeded in case.op.tags:
                        continue
                    if name in names and counts[name] < limit:
                        counts[name] += 1
                        yield dataclasses.replace(case, dynamic=counts[name] % 2 == 0)


def registered_ops() -> dict[str, str]:
    """The compiler's functional ops: qualified name to family."""
    rows = [line.split("\t") for line in tool([OPT, "--list-ops"]).splitlines()]
    return {
        schema.partition("(")[0].replace("::", ".", 1): family
        for family, way, schema in rows
        if not way.startswith("functionalize")
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=inspect.getdoc(sys.modules[__name__]))
    parser.add_argument("ops", nargs="*", help='such as aten.add.Tensor; "aten.add" takes its overloads')
    parser.add_argument("--family", help="all ops of an op family")
    parser.add_argument("--dtypes", nargs="+", default=["float32"])
    parser.add_argument("--limit", type=int, default=6, help="cases for one op and dtype")
    parser.add_argument(
        "--match", help="only OpInfo entries whose name contains this (default: the op's name)"
    )
    options = parser.parse_args()
    registered = registered_ops()
    unknown = [op for op in options.ops if op not in registered]
    names = {
        name
        for name, family in registered.items()
        if family == options.family or name in options.ops or any(name.startswith(op + ".") for op in unknown)
    }
    if not names:
        parser.error("no such op; see build/bin/linalgd-opt --list-ops")
    match = options.match
    if match is None and len(options.ops) == 1:
        match = options.ops[0].split(".")[1].strip("_")
    dtypes = [getattr(torch, dtype) for dtype in options.dtypes]
    cases = list(sampled_cases(names, dtypes, options.limit, match))
    count, failures = check(cases)
    for case, reason in failures.items():
        print(f"FAILED {case}\n    " + reason.replace("\n", "\n    "))
    seen = {qualified_name(case.op) for case in cases}
    print(f"{count} of {len(cases)} cases of {len(seen)} ops run, {len(failures)} failed")
    if names - seen:
        print("no cases for: " + " ".join(sorted(names - seen)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
