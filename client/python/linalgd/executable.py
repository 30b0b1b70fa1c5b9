"""Executables: compiled models that run in this process. Needs neither a server nor PyTorch."""

from __future__ import annotations

import json
import os
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linalgd import _abi, _safetensors, _treespec
from linalgd._dtypes import DTYPES, FROM_DLPACK, DType
from linalgd.errors import ExecutionError, InputError

_SCALARS = {"int": "int64", "float": "float64", "bool": "bool"}


@dataclass(frozen=True)
class TensorSpec:
    """An input, an output or a written buffer of a model.

    As an input of `Client.submit`, it stands for a tensor (or a number that each call gives) of a
    TorchScript model: `TensorSpec(dtype="float32", shape=(-1, 3))`, `TensorSpec(kind="int")`.

    Attributes:
        name: of an input or buffer, else "".
        kind: "tensor", "int", "float", "bool", "constant" (its value was fixed when the model was
            exported) or "input" (an output that is the input number `value`).
        dtype: "float32", …; "" for constants.
        shape: sizes; a string is a symbol, or an expression of symbols, of the signature. Of an
            input to submit: a name for a size that varies, or -1.
        value: of a constant.
    """

    name: str = ""
    kind: str = "tensor"
    dtype: str = ""
    shape: tuple[int | str, ...] = ()
    value: Any = None


class Executable:
    """A compiled model, called like the model: the same structure goes in and comes out.

    Inputs are numpy arrays, PyTorch tensors on the CPU, or whatever has `__dlpack__`; outputs are
    PyTorch tensors where an input is one, else numpy arrays (bfloat16 is `ml_dtypes.bfloat16`).
    Inputs are not copied, outputs own their memory. It may be called from several threads at once.

    A model that writes its buffers (or its inputs) keeps doing so, in place: the next call sees what
    this one wrote. Such calls take turns. `state` has copies of these buffers, `bind` sets one, and
    `reset` goes back to where the model began.

    Attributes:
        signature: the library's manifest; see docs/protocol.md.
        inputs: one for each leaf of (args, kwargs).
        outputs: one for each leaf of what the model returns.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._library = _abi.Library(self._path)
        try:
            self.signature: dict[str, Any] = json.loads(self._library.manifest())
            self._read_signature()
        except (ValueError, KeyError, TypeError) as error:
            raise ExecutionError(
                f"the manifest of {path} cannot be read: {error!r}", code="INVALID_ARGUMENT"
            ) from error
        self._handle = self._library.open()
        # What is bound to the handle must live as long as it does.
        self._bound: dict[str, tuple[_abi.ManagedTensor, Any]] = {}
        self._turn = threading.Lock()
        self._closing = weakref.finalize(self, _close, self._library, self._handle, self._bound)
        self._closing.atexit = False

    def _read_signature(self) -> None:
        signature = self.signature
        self.inputs = [_spec(entry) for entry in signature["inputs"]]
        self.outputs = [_spec(entry) for entry in signature["outputs"]]
        self._state: list[dict[str, Any]] = signature.get("state", [])
        self._slots = {slot["slot"]: slot for slot in signature.get("slots", [])}
        in_spec, out_spec = signature.get("in_spec"), signature.get("out_spec")
        self._in_spec = _treespec.parse(in_spec) if in_spec else None
        self._out_spec = _treespec.parse(out_spec) if out_spec else None
        self._results = sum(output.kind not in ("constant", "input") for output in self.outputs)
        self._written = {entry["input"] for entry in self._state if entry.get("slot") is None}

    def __repr__(self) -> str:
        return f"<linalgd.Executable {self._path.name} key={self.signature.get('key', '')[:12]}>"

    @property
    def unbound(self) -> list[str]:
        """The slots that have no data yet; `bind` gives it to them."""
        return [
            slot
            for slot, entry in self._slots.items()
            if not entry.get("embedded") and slot not in self._bound
        ]

    def bind(self, slot: str, value: Any) -> None:
        """Gives a weight its value, or replaces it; must not run beside calls.

        Args:
            slot: its name.
            value: an array or tensor of exactly the slot's dtype and shape; it is used in place (a
                copy where it is not contiguous) and must not change during a call. Of a buffer that
                the model writes, it is where the model begins, and is not written itself.

        Raises:
            InputError: there is no such slot, or the value does not fit it.
        """
        if slot not in self._slots:
            raise InputError(f"the executable has no weight {slot!r}")
        dtype = DTYPES[self._slots[slot]["dtype"]]
        array = _as_array(value, dtype, f"the weight {slot!r}")
        array = np.require(array, requirements=["C", "A"])
        tensor = _abi.borrow_array(array, dtype)
        with self._turn:
            self._library.bind(self._handle, slot, tensor)
            self._bound[slot] = (tensor, array)

    @property
    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """The buffers that the model writes, by name: copies of what they are now.

        `bind` takes them, here or in another process: the model then goes on from there.
        """
        with self._turn:
            return {
                entry["slot"]: _result(self._library.state(self._handle, entry["slot"]), None).copy()
                for entry in self._state
                if entry.get("slot") is not None
            }

    def reset(self) -> None:
        """Forgets what the model has written: its buffers are again as they were saved, or bound."""
        with self._turn:
            self._library.reset(self._handle)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the model.

        Raises:
            InputError: an input does not fit; the message names it.
            ExecutionError: a check inside the model failed (an index out of range, …), or memory
                ran out.
        """
        named = self._leaves(args, kwargs)
        values = self._call(named, as_torch=None)
        if self._out_spec is not None:
            return _treespec.unflatten(self._out_spec, iter(values))
        return values[0] if len(values) == 1 else tuple(values)

    def call_leaves(self, leaves: Sequence[Any], *, as_torch: bool | None = None) -> list[Any]:
        """Runs the model without its structure: one value for each of `inputs`, and of `outputs`.

        Args:
            leaves: the inputs.
            as_torch: whether outputs are PyTorch tensors or numpy arrays; None: as in a call.

        Raises:
            InputError: an input does not fit.
            ExecutionError: as a call raises it.
        """
        if len(leaves) != len(self.inputs):
            raise InputError(f"the model takes {len(self.inputs)} inputs, {len(leaves)} were given")
        named = [(spec.name, value) for spec, value in zip(self.inputs, leaves, strict=True)]
        return self._call(named, as_torch)

    def _call(self, named: list[tuple[str, Any]], as_torch: bool | None) -> list[Any]:
        leaves = [value for _, value in named]
        torch: Any = sys.modules.get("torch")
        if as_torch is None:
            as_torch = torch is not None and any(isinstance(leaf, torch.Tensor) for leaf in leaves)
        tensors = []
        alive = []  # what the tensors point into
        for index, (spec, (path, value)) in enumerate(zip(self.inputs, named, strict=True)):
            if spec.kind == "constant":
                _check_constant(spec, path, value)
                continue
            tensor, owner = _input(spec, value, path, writable=index in self._written)
            tensors.append(tensor)
            alive.append(owner)
        if self._state:
            with self._turn:
                made = self._run(tensors, torch if as_torch else None)
        else:
            made = self._run(tensors, torch if as_torch else None)
        del alive
        return list(self._output_leaves(iter(made), leaves))

    def _run(self, tensors: list[_abi.ManagedTensor], torch: Any) -> list[Any]:
        outputs = self._library.call(self._handle, tensors, self._results)
        return [_result(output, torch) for output in outputs]

    def _leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
        """(name, value) of each leaf of the call, in the signature's order."""
        if self._in_spec is not None:
            positional, named = self._in_spec.children
            found = list(_treespec.flatten(positional, args, ""))
            found += _treespec.flatten(named, kwargs, "")
        else:
            names = [spec.name for spec in self.inputs[len(args) :]]
            absent = [name for name in names if name not in kwargs]
            extra = [name for name in kwargs if name not in names]
            if len(args) > len(self.inputs) or absent or extra:
                raise InputError(
                    f"the model takes {len(self.inputs)} inputs "
                    f"({', '.join(spec.name for spec in self.inputs)}); given were {len(args)} and "
                    f"{list(kwargs)}"
                )
            found = [("", value) for value in args] + [("", kwargs[name]) for name in names]
        if len(found) != len(self.inputs):
            raise InputError(f"the model takes {len(self.inputs)} inputs, {len(found)} were given")
        return [(spec.name or path, value) for spec, (path, value) in zip(self.inputs, found, strict=True)]

    def _output_leaves(self, made: Iterator[Any], leaves: list[Any]) -> Iterator[Any]:
        for spec in self.outputs:
            if spec.kind == "constant":
                yield spec.value
            elif spec.kind == "input":
                yield leaves[spec.value]
            elif spec.kind == "tensor":
                yield next(made)
            else:
                yield next(made).item()


def load(
    path: str | os.PathLike[str],
    weights: str | os.PathLike[str] | Mapping[str, Any] | None = None,
) -> Executable:
    """Loads a saved executable.

    Args:
        path: the shared library.
        weights: a safetensors file, or arrays by slot, for weights that are not in the library (or
            to replace those that are). None: `model.safetensors` beside `model.so`, where the
            library asks for weights. The file is mapped, not read.

    Raises:
        ExecutionError: the file is no executable of linalgd, or not for this processor.
        InputError: the weights cannot be read, or don't fit.
    """
    executable = Executable(path)
    values: Mapping[str, Any] = {}
    if isinstance(weights, Mapping):
        values = weights
    elif weights is not None:
        values = _safetensors.read(Path(weights))
    elif executable.unbound:
        beside = Path(path).with_suffix(".safetensors")
        values = _safetensors.read(beside) if beside.exists() else {}
    known = {slot["slot"] for slot in executable.signature.get("slots", [])}
    for slot, value in values.items():
        if slot in known:
            executable.bind(slot, value)
    return executable


def _close(library: _abi.Library, handle: int, bound: dict[str, Any]) -> None:
    library.close(handle)
    bound.clear()


def _spec(entry: Mapping[str, Any]) -> TensorSpec:
    kind = entry["kind"]
    return TensorSpec(
        name=entry.get("name", ""),
        kind=kind,
        dtype=entry.get("dtype") or _SCALARS.get(kind, ""),
        shape=tuple(entry.get("shape", ())),
        value=entry.get("index") if kind == "input" else entry.get("value"),
    )


def _check_constant(spec: TensorSpec, path: str, value: Any) -> None:
    same = value is None if spec.value is None else type(value) is type(spec.value)
    if not same or value != spec.value:
        raise InputError(
            f"input {path!r} was fixed to {spec.value!r} when the model was exported; "
            f"{_shown(value)} needs another export"
        )


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, (int, float, str, type(None))) else type(value).__name__


def _input(spec: TensorSpec, value: Any, path: str, *, writable: bool) -> tuple[_abi.ManagedTensor, Any]:
    """The C ABI's view of an input, which it may write to, and the object that owns its memory."""
    dtype = DTYPES[spec.dtype]
    what = f"input {path!r}"
    if spec.kind in _SCALARS:
        array = np.asarray(_scalar(spec.kind, value, what), dtype=dtype.numpy())
        return _abi.borrow_array(array, dtype), array
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _torch_input(torch, value, dtype, what, writable=writable)
    array = _as_array(value, dtype, what)
    if any(stride % array.itemsize for stride in array.strides):
        if writable:
            raise InputError(f"{what} is written to, but its strides are no multiples of its elements")
        array = np.ascontiguousarray(array)
    return _abi.borrow_array(array, dtype, writable=writable and array.flags.writeable), array


def _scalar(kind: str, value: Any, what: str) -> int | float | bool:
    """A Python number from a number, or from an array or tensor of one element."""
    plain = value.item() if hasattr(value, "item") else value
    wanted = {"int": (int,), "float": (int, float), "bool": (bool,)}[kind]
    if not isinstance(plain, wanted) or (isinstance(plain, bool) and kind != "bool"):
        raise InputError(f"{what} must be {kind}, not {type(plain).__name__}")
    return plain


def _torch_input(
    torch: Any, value: Any, dtype: DType, what: str, *, writable: bool
) -> tuple[_abi.ManagedTensor, Any]:
    if value.device.type != "cpu" or value.layout != torch.strided:
        raise InputError(f"{what} must be a dense tensor on the CPU: pass {what}.cpu().to_dense()")
    given = str(value.dtype).removeprefix("torch.")
    if given != dtype.name:
        raise InputError(f"{what} must be {dtype.name}, not {given}; convert it with .to(torch.{dtype.name})")
    value = value.detach().resolve_conj().resolve_neg()
    tensor = _abi.borrow(value.data_ptr(), dtype, tuple(value.shape), value.stride(), writable=writable)
    return tensor, value


def _as_array(value: Any, dtype: DType, what: str) -> np.ndarray[Any, Any]:
    """A numpy array over what the caller gave, of exactly the dtype."""
    if not isinstance(value, (np.ndarray, np.generic)):
        value = _foreign_array(value, dtype, what)
    array = np.asarray(value)
    if array.dtype != dtype.numpy():
        raise InputError(f"{what} must be {dtype.name}, not {array.dtype}; convert it with .astype")
    return array


def _foreign_array(value: Any, dtype: DType, what: str) -> Any:
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous()
        if value.dtype is torch.bfloat16 and dtype.name == "bfloat16":
            return value.view(torch.int16).numpy().view(dtype.numpy())
        return value.numpy()
    if hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    raise InputError(f"{what} must be an array or tensor of {dtype.name}, not {type(value).__name__}")


def _result(output: _abi.Output, torch: Any) -> Any:
    """A numpy array, or a tensor where `torch` is given, that owns an output's memory."""
    dtype = FROM_DLPACK[output.code, output.bits]
    empty = 0 in output.shape
    if torch is None:
        if empty:
            return np.empty(output.shape, dtype.numpy())
        return np.ndarray(output.shape, dtype.numpy(), buffer=output.buffer())
    kind = getattr(torch, dtype.name)
    if empty:
        return torch.empty(output.shape, dtype=kind)
    return torch.frombuffer(output.buffer(), dtype=kind).reshape(output.shape)
