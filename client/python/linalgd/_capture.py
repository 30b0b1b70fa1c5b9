"""What submit() takes as a model, turned into files: nn.Modules are exported by PyTorch here.

PyTorch is imported only when the model is a Python object of it.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from linalgd import _blobs
from linalgd.errors import CaptureError, Diagnostic, InputError, SourceLocation
from linalgd.v1 import compile_pb2

_EXPORT_HINT = (
    "torch.export traces the module with the given args; see what it says above. Common ways out: "
    "branch on values with torch.cond, mark varying sizes in dynamic_shapes, or export with "
    "torch.export.export(..., strict=...) yourself and pass the ExportedProgram"
)


def source_of(
    model: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    dynamic_shapes: Any,
    memo: _blobs.Memo,
) -> tuple[_blobs.Source, list[compile_pb2.InputSpec]]:
    """The blobs of a model, and the input specs where it has no signature of its own.

    Args:
        model: a path, an nn.Module, an ExportedProgram or a traced ScriptModule.
        args: example inputs; needed for nn.Modules and TorchScript.
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
    if isinstance(model, torch.nn.Module):
        model = _export(torch, model, args, kwargs, dynamic_shapes)
    elif isinstance(model, torch.export.ExportedProgram):
        if dynamic_shapes is not None:
            raise InputError("dynamic_shapes are fixed when a program is exported; pass them there")
    else:
        raise _unknown_model(model)
    return _saved(lambda file: torch.export.save(model, file)), []


def _unknown_model(model: Any) -> InputError:
    return InputError(
        "model must be the path of a .pt2, .pt or .mlir file, an nn.Module, an ExportedProgram or "
        f"a traced ScriptModule, not {type(model).__qualname__}"
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
    try:
        return torch.export.export(model, args, dict(kwargs), dynamic_shapes=dynamic_shapes)
    except Exception as error:
        name = type(model).__qualname__
        diagnostic = Diagnostic(
            severity="error",
            code="capture-failed",
            message=f"{type(error).__name__}: {error}",
            location=_user_line(str(error)),
            hint=_EXPORT_HINT,
        )
        raise CaptureError(
            f"PyTorch cannot export {name}", code="INVALID_ARGUMENT", diagnostics=[diagnostic]
        ) from error


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
