"""What submit() takes as a model, turned into files: modules and callables are exported by PyTorch here.

PyTorch is imported only when the model is a Python object of it.
"""

from __future__ import annotations

import copy
import math
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from linalgd import _blobs
from linalgd.errors import CaptureError, Diagnostic, InputError, SourceLocation
from linalgd.v1 import compile_pb2

# What PyTorch's text contains, and what its user can do; the first that fits.
_HINTS = (
    (
        "data-dependent|GuardOnDataDependent|data dependent|Dynamic control flow",
        "the trace cannot follow a branch, size or index that depends on values: branch with "
        "torch.cond, promise what you know of a value with torch._check, or compute it outside",
    ),
    (
        "[Cc]onstraint|dynamic_shapes|Dim\\.|specializ",
        "dynamic_shapes and the model contradict each other; PyTorch's text says which dimension. "
        "Dim.AUTO lets it choose, leaving a dimension out fixes it",
    ),
    (
        "missing .*argument|unexpected keyword|takes .* positional|has no signature|Expecting `args`",
        "args and kwargs must be example inputs of a whole call of the model",
    ),
    (
        "on device meta|meta device|device type",
        "the model and its example inputs must be on one device; a model without weights takes "
        'inputs made with device="meta"',
    ),
)
_EXPORT_HINT = (
    "torch.export traces the whole model with the given args; see what it says above. Export it "
    "with torch.export.export(..., strict=...) yourself and pass the ExportedProgram, or compile "
    'only what can be traced by torch.compile(..., backend="linalgd")'
)
# Buffers up to this many bytes are made anew where a model without data has an initialiser.
_SMALL_BYTES = 16 << 20


def source_of(
    model: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    dynamic_shapes: Any,
    memo: _blobs.Memo,
) -> tuple[_blobs.Source, list[compile_pb2.InputSpec]]:
    """The blobs of a model, and the input specs where it has no signature of its own.

    Args:
        model: a path, an nn.Module (an fx.GraphModule is one), another callable, an
            ExportedProgram or a traced ScriptModule.
        args: example inputs; needed for modules, callables and TorchScript.
        kwargs: example keyword inputs.
        dynamic_shapes: as torch.export.export takes it; for TorchScript, a tuple with one
            mapping of dimensions (or None) an input.
        memo: digests of files that were seen before.

    Raises:
        InputError: the model is nothing that can be compiled, or the arguments don't go with it.
        CaptureError: torch.export failed.
    """
    if isinstance(model, (str, os.PathLike)):
        return _from_path(Path(model), args, kwargs, dynamic_shapes, memo)
    torch = sys.modules.get("torch")
    if torch is None:
        raise _unknown_model(model)
    if isinstance(model, torch.jit.ScriptModule):
        specs = input_specs(args, kwargs, dynamic_shapes)
        return _saved(lambda file: torch.jit.save(model, file)), specs
    if isinstance(model, torch.export.ExportedProgram):
        if dynamic_shapes is not None:
            raise InputError("dynamic_shapes are fixed when a program is exported; pass them there")
    elif callable(model) and not isinstance(model, type):
        model = _export(torch, model, args, kwargs, dynamic_shapes)
    else:
        raise _unknown_model(model)
    return _saved(lambda file: torch.export.save(model, file)), []


def _unknown_model(model: Any) -> InputError:
    return InputError(
        "model must be the path of a .pt2, .pt or .mlir file, an nn.Module or another callable, an "
        f"ExportedProgram or a traced ScriptModule, not {_name(model)}"
    )


def _from_path(
    path: Path,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    dynamic_shapes: Any,
    memo: _blobs.Memo,
) -> tuple[_blobs.Source, list[compile_pb2.InputSpec]]:
    source = memo.source(path)
    if len(source.spans) > 1 or path.suffix in (".pt2", ".mlir"):
        if dynamic_shapes is not None:
            raise InputError(f"dynamic_shapes of {path} were fixed when it was exported")
        return source, []  # it has a signature of its own
    return source, input_specs(args, kwargs, dynamic_shapes)


def _saved(save: Callable[[IO[bytes]], None]) -> _blobs.Source:
    """A source over an unnamed temporary file, which vanishes with it."""
    file = tempfile.TemporaryFile(prefix="linalgd-")  # noqa: SIM115 (the source keeps it)
    try:
        save(file)
        file.flush()
        return _blobs.Source(_blobs.split(file), file=file)
    except BaseException:
        file.close()
        raise


def _export(
    torch: Any, model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], dynamic_shapes: Any
) -> Any:
    module = model if isinstance(model, torch.nn.Module) else _as_module(torch, model)
    is_meta = [parameter.is_meta for parameter in module.parameters()]
    if is_meta and all(is_meta):
        args, kwargs = torch.utils._pytree.tree_map_only(
            torch.Tensor, lambda tensor: tensor.to("meta"), (args, dict(kwargs))
        )
    try:
        program = torch.export.export(module, args, dict(kwargs), dynamic_shapes=dynamic_shapes)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        diagnostic = Diagnostic(
            severity="error",
            code="capture-failed",
            message=text,
            location=_user_line(text),
            hint=next((hint for pattern, hint in _HINTS if re.search(pattern, text)), _EXPORT_HINT),
        )
        raise CaptureError(
            f"PyTorch cannot export {_name(model)}", code="INVALID_ARGUMENT", diagnostics=[diagnostic]
        ) from error
    for name, value in _small_buffers(torch, module):
        if name in program.constants:
            program.constants[name] = value
    return program


def _name(model: Any) -> str:
    """What a model, or its class, is called."""
    return str(getattr(model, "__qualname__", type(model).__qualname__))


def _as_module(torch: Any, function: Callable[..., Any]) -> Any:
    """A module that calls `function`; tensors that this closes over become constants."""
    module = torch.nn.Module()
    owner = getattr(function, "__self__", None)
    if isinstance(owner, torch.nn.Module):
        module.owner = owner  # its parameters keep their names
    module.forward = function
    return module


def _small_buffers(torch: Any, module: Any) -> Iterator[tuple[str, Any]]:
    """Values of non-persistent buffers without data, by name.

    No checkpoint has these. They are made by what initialises the module that owns them: its
    `reset_buffers` or `reset_parameters`, or `_init_weights` of a module around it. What that does
    not write stays without data.
    """
    around: list[tuple[str, Callable[[Any], None]]] = [
        (prefix, part._init_weights)
        for prefix, part in module.named_modules()
        if callable(getattr(part, "_init_weights", None))
    ]
    for prefix, part in module.named_modules():
        lost = {
            name: buffer
            for name, buffer in part.named_buffers(recurse=False)
            if name in part._non_persistent_buffers_set and buffer.is_meta and buffer.nbytes <= _SMALL_BYTES
        }
        own = getattr(part, "reset_buffers", None) or getattr(part, "reset_parameters", None)
        inits = [init for outer, init in around if f"{prefix}.".startswith(f"{outer}." if outer else "")]
        if not lost or any(True for _ in part.parameters()) or not (own or inits):
            continue
        copied = copy.copy(part)
        fills = {name: math.nan if buffer.is_floating_point() else -1 for name, buffer in lost.items()}
        copied._buffers = dict(part._buffers)
        for name, buffer in lost.items():
            copied._buffers[name] = torch.full_like(buffer, fills[name], device="cpu")
        with torch.no_grad():
            if own is not None:
                getattr(copied, own.__name__)()
            else:
                inits[-1](copied)
        for name in lost:
            value = copied._buffers[name]
            untouched = value.isnan() if value.is_floating_point() else value == -1
            if not value.is_meta and not untouched.any():
                yield f"{prefix}.{name}".lstrip("."), value


def _user_line(text: str) -> SourceLocation | None:
    """The last place outside of PyTorch that its text names as `File "x.py", line 3`."""
    found = None
    for match in re.finditer(r'File "([^"]+)", line (\d+)(?:, in (\S+))?', text):
        if f"{os.sep}torch{os.sep}" not in match[1]:
            found = SourceLocation(match[1], int(match[2]), match[3] or "")
    return found


def input_specs(
    args: Sequence[Any], kwargs: Mapping[str, Any], dynamic_shapes: Any
) -> list[compile_pb2.InputSpec]:
    """The specs of a TorchScript module's inputs, from example tensors (torch's or numpy's).

    Raises:
        InputError: an input is no tensor, or dynamic_shapes has another form.
    """
    dynamic = _dynamic_dims(args, kwargs, dynamic_shapes)
    named = [("", value) for value in args] + list(kwargs.items())
    specs = []
    for index, (name, value) in enumerate(named):
        shown = name or str(index)
        if not hasattr(value, "shape") or not hasattr(value, "dtype"):
            raise InputError(
                f"input {shown} of a TorchScript model must be a tensor, not {type(value).__name__}"
            )
        shape = [int(size) for size in value.shape]
        for dim in dynamic[index]:
            if not -len(shape) <= dim < len(shape):
                raise InputError(f"dynamic_shapes: input {shown} has no dimension {dim}")
            shape[dim] = -1
        dtype = str(value.dtype).removeprefix("torch.")
        specs.append(compile_pb2.InputSpec(name=name, dtype=dtype, shape=shape))
    return specs


def _dynamic_dims(args: Sequence[Any], kwargs: Mapping[str, Any], dynamic_shapes: Any) -> list[list[int]]:
    count = len(args) + len(kwargs)
    if dynamic_shapes is None:
        return [[] for _ in range(count)]
    if isinstance(dynamic_shapes, Mapping):
        given = [None] * len(args) + [dynamic_shapes.get(name) for name in kwargs]
        if set(dynamic_shapes) - set(kwargs):
            raise InputError("dynamic_shapes of TorchScript inputs goes by position: pass a tuple")
    else:
        given = list(dynamic_shapes)
        if len(given) != count:
            raise InputError(f"dynamic_shapes has {len(given)} entries for {count} inputs")
    result = []
    for entry in given:
        dims: Mapping[int, Any] = entry if isinstance(entry, Mapping) else dict(enumerate(entry or ()))
        result.append([dim for dim, size in dims.items() if size is not None])
    return result
