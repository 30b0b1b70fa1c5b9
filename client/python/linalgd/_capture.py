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
from linalgd.executable import TensorSpec
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
_SAVE_HINTS = (
    ("flex_attention", "use torch.nn.functional.scaled_dot_product_attention, with a mask"),
    ("while_loop", "carry tensors: torch.tensor(0) in the place of 0"),
)
_SAVE_HINT = (
    "PyTorch's archives have no form for this part of the graph; program.run_decompositions() may "
    "take it apart"
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
        model: a path, MLIR itself (text of several lines, or bytes), an nn.Module (an
            fx.GraphModule is one), another callable, an ExportedProgram or a ScriptModule.
        args: example inputs; needed for modules, callables and TorchScript.
        kwargs: example keyword inputs.
        dynamic_shapes: as torch.export.export takes it; for TorchScript, by position.
        memo: digests of files that were seen before.

    Raises:
        InputError: the model is nothing that can be compiled, or the arguments don't go with it.
        CaptureError: torch.export failed.
    """
    if isinstance(model, bytes) or (isinstance(model, str) and "\n" in model):
        if dynamic_shapes is not None:
            raise InputError("dynamic_shapes are fixed by the types of an MLIR module")
        return _mlir(model), []
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
    return _saved(lambda file: _save(torch, _taken_apart(torch, model), file)), []


def _unknown_model(model: Any) -> InputError:
    return InputError(
        "model must be the path of a .pt2, .pt or .mlir file, MLIR text or bytes, an nn.Module or "
        f"another callable, an ExportedProgram or a ScriptModule, not {_name(model)}"
    )


def _from_path(
    path: Path,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    dynamic_shapes: Any,
    memo: _blobs.Memo,
) -> tuple[_blobs.Source, list[compile_pb2.InputSpec]]:
    source = memo.source(path)
    if len(source.spans) > 1 or path.suffix == ".pt2" or source.is_mlir:
        if dynamic_shapes is not None:
            raise InputError(f"dynamic_shapes of {path} were fixed when it was exported")
        return source, []  # it has a signature of its own
    return source, input_specs(args, kwargs, dynamic_shapes)


def _mlir(module: str | bytes) -> _blobs.Source:
    content = module.encode() if isinstance(module, str) else module
    source = _saved(lambda file: file.write(content))
    source.is_mlir = True
    return source


def _saved(save: Callable[[IO[bytes]], object]) -> _blobs.Source:
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
        raise _capture_error("export", _name(model), error, _HINTS, _EXPORT_HINT) from error
    for name, value in _small_buffers(torch, module):
        if name in program.constants:
            program.constants[name] = value
    return program


def _taken_apart(torch: Any, program: Any) -> Any:
    """The program without what only Python can run.

    That is vmap, of which a graph says where it begins and ends, and weights that are tensor
    subclasses; PyTorch can take both apart.
    """
    calls = (node.target for node in program.graph.nodes if node.op == "call_function")
    is_subclass = torch.utils._python_dispatch.is_traceable_wrapper_subclass
    if any(getattr(call, "__module__", "") == "torch._functorch.predispatch" for call in calls) or any(
        is_subclass(tensor) for tensor in program.state_dict.values()
    ):
        return program.run_decompositions({})
    return program


def _save(torch: Any, program: Any, file: IO[bytes]) -> None:
    from torch._export.serde import serialize

    # PyTorch exports these functions of sizes, but its archives list math.trunc alone.
    missing = {math.floor, math.ceil} - serialize._SYM_OPS
    serialize._SYM_OPS.update(missing)
    try:
        torch.export.save(program, file)
    except Exception as error:
        raise _capture_error("save", "the program", error, _SAVE_HINTS, _SAVE_HINT) from error
    finally:
        serialize._SYM_OPS.difference_update(missing)


def _capture_error(
    action: str, name: str, error: Exception, hints: tuple[tuple[str, str], ...], otherwise: str
) -> CaptureError:
    text = f"{type(error).__name__}: {error}"
    diagnostic = Diagnostic(
        severity="error",
        code="capture-failed",
        message=text,
        location=_user_line(text),
        hint=next((hint for pattern, hint in hints if re.search(pattern, text)), otherwise),
    )
    return CaptureError(f"PyTorch cannot {action} {name}", code="INVALID_ARGUMENT", diagnostics=[diagnostic])


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
    """What a TorchScript module is called with, from examples or `TensorSpec`s.

    Args:
        args: tensors (torch's, numpy's, …), numbers, strings, None, `TensorSpec`s, and lists, tuples
            and dicts of these. Numbers, strings and None become part of what is compiled, unless
            dynamic_shapes says of a number that it varies.
        kwargs: the same, by name.
        dynamic_shapes: by position, those of kwargs last; or by name, of kwargs only.

    Raises:
        InputError: an input is none of these, or dynamic_shapes has another form.
    """
    count = len(args) + len(kwargs)
    shapes: list[Any] = [None] * count
    if isinstance(dynamic_shapes, Mapping):
        if set(dynamic_shapes) - set(kwargs):
            raise InputError("dynamic_shapes of TorchScript inputs goes by position: pass a tuple")
        shapes[len(args) :] = [dynamic_shapes.get(name) for name in kwargs]
    elif dynamic_shapes is not None:
        shapes = list(dynamic_shapes)
        if len(shapes) != count:
            raise InputError(f"dynamic_shapes has {len(shapes)} entries for {count} inputs")
    specs = [_spec(value, shapes[i], str(i)) for i, value in enumerate(args)]
    for (name, value), shape in zip(kwargs.items(), shapes[len(args) :], strict=True):
        spec = _spec(value, shape, name)
        spec.name = name
        specs.append(spec)
    return specs


def _spec(value: Any, dynamic: Any, path: str) -> compile_pb2.InputSpec:
    if isinstance(value, TensorSpec):
        return _from_tensor_spec(value, path)
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _from_example(value, dynamic, path)
    if value is None or isinstance(value, (bool, int, float, str)):
        return _from_plain(value, dynamic)
    if isinstance(value, Mapping):
        return _from_dict(value, dynamic, path)
    if isinstance(value, (list, tuple)):
        shapes = _children(dynamic, len(value), path)
        items = [_spec(item, shapes[i], f"{path}[{i}]") for i, item in enumerate(value)]
        is_tuple = isinstance(value, tuple)
        kind = compile_pb2.INPUT_KIND_TUPLE if is_tuple else compile_pb2.INPUT_KIND_LIST
        return compile_pb2.InputSpec(kind=kind, items=items)
    raise InputError(
        f"input {path} of a TorchScript model must be a tensor, a TensorSpec, a number, a string, None, or a "
        f"list, tuple or dict of these, not {type(value).__name__}"
    )


def _from_plain(value: bool | int | float | str | None, dynamic: Any) -> compile_pb2.InputSpec:
    field = ""
    for known, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "string")):
        if isinstance(value, known):
            field = name
            break
    if field in _NUMBERS and _symbol_of(dynamic) is not None:
        return compile_pb2.InputSpec(kind=_NUMBERS[field])
    values: dict[str, Any] = {f"{field}_value": value} if field else {}
    return compile_pb2.InputSpec(kind=compile_pb2.INPUT_KIND_CONSTANT, **values)


def _from_dict(value: Mapping[Any, Any], dynamic: Any, path: str) -> compile_pb2.InputSpec:
    unknown = [key for key in value if not isinstance(key, str)]
    if unknown:
        raise InputError(f"input {path}: the keys of a dict must be strings, not {unknown[0]!r}")
    if dynamic is not None and (not isinstance(dynamic, Mapping) or set(dynamic) - set(value)):
        raise InputError(f"dynamic_shapes: input {path} is a dict with the keys {list(value)}")
    result = compile_pb2.InputSpec(kind=compile_pb2.INPUT_KIND_DICT)
    for key, item in value.items():
        spec = _spec(item, (dynamic or {}).get(key), f"{path}[{key!r}]")
        spec.name = key
        result.items.append(spec)
    return result


def _from_example(value: Any, dynamic: Any, path: str) -> compile_pb2.InputSpec:
    sizes: list[int | str] = [int(size) for size in value.shape]
    dims: Mapping[int, Any] = dynamic if isinstance(dynamic, Mapping) else dict(enumerate(dynamic or ()))
    for dim, entry in dims.items():
        if not isinstance(dim, int) or not -len(sizes) <= dim < len(sizes):
            raise InputError(f"dynamic_shapes: input {path} has no dimension {dim}")
        symbol = _symbol_of(entry)
        if symbol is not None:
            sizes[dim] = symbol or -1
    return _tensor(str(value.dtype).removeprefix("torch."), sizes)


def _from_tensor_spec(value: TensorSpec, path: str) -> compile_pb2.InputSpec:
    if value.kind in _NUMBERS:
        return compile_pb2.InputSpec(kind=_NUMBERS[value.kind])
    if value.kind != "tensor":
        raise InputError(f"input {path}: a TensorSpec of kind {value.kind!r} describes no input")
    if not value.dtype:
        raise InputError(f"input {path}: a TensorSpec of a tensor has a dtype")
    return _tensor(value.dtype, value.shape)


def _tensor(dtype: str, sizes: Sequence[int | str]) -> compile_pb2.InputSpec:
    symbols = [size if isinstance(size, str) else "" for size in sizes]
    return compile_pb2.InputSpec(
        dtype=dtype,
        shape=[-1 if isinstance(size, str) else size for size in sizes],
        symbols=symbols if any(symbols) else [],
    )


def _children(dynamic: Any, count: int, path: str) -> list[Any]:
    """The entries of dynamic_shapes for the items of a list or tuple."""
    if dynamic is None:
        return [None] * count
    if not isinstance(dynamic, (list, tuple)) or len(dynamic) != count:
        raise InputError(f"dynamic_shapes: input {path} has {count} items")
    return list(dynamic)


def _symbol_of(entry: Any) -> str | None:
    """The name of a size that varies, empty where it has none; None for one that does not vary."""
    if entry is None or (isinstance(entry, int) and not isinstance(entry, bool)):
        return None
    if isinstance(entry, str):
        return entry
    hint = getattr(entry, "type", None)
    if hint is not None:  # Dim.AUTO, Dim.DYNAMIC, Dim.STATIC
        return None if getattr(hint, "name", "") == "STATIC" else ""
    name = getattr(entry, "__name__", "")
    if not name.isidentifier():
        raise InputError(f"dynamic_shapes: {entry} is no plain dimension, which TorchScript inputs take")
    return str(name)


_NUMBERS = {
    "int": compile_pb2.INPUT_KIND_INT,
    "float": compile_pb2.INPUT_KIND_FLOAT,
    "bool": compile_pb2.INPUT_KIND_BOOL,
}
