"""The C ABI of executables (compiler/runtime/executable.h) in ctypes."""

from __future__ import annotations

import ctypes
import os
import struct
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linalgd.errors import ExecutionError, InputError, LinalgdError

if TYPE_CHECKING:
    import numpy as np

    from linalgd._dtypes import DType

ABI_VERSION = 2
_CPU = 1
_READ_ONLY = 1
# Of ELF files: where the program headers are and how many; a program header's kind, offset, size.
_ELF_HEADER = struct.Struct("<32xQ16xH")
_ELF_SEGMENT = struct.Struct("<I4xQ16xQ16x")
_PT_LOAD = 1


class Device(ctypes.Structure):
    """DLDevice."""

    _fields_ = (("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32))


class DataType(ctypes.Structure):
    """DLDataType."""

    _fields_ = (("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16))


class Tensor(ctypes.Structure):
    """DLTensor."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device", Device),
        ("ndim", ctypes.c_int32),
        ("dtype", DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class ManagedTensor(ctypes.Structure):
    """DLManagedTensorVersioned."""


_DELETER = ctypes.CFUNCTYPE(None, ctypes.POINTER(ManagedTensor))
ManagedTensor._fields_ = (
    ("major", ctypes.c_uint32),
    ("minor", ctypes.c_uint32),
    ("manager_ctx", ctypes.c_void_p),
    ("deleter", _DELETER),
    ("flags", ctypes.c_uint64),
    ("tensor", Tensor),
)

_TENSOR_POINTER = ctypes.POINTER(ManagedTensor)
_ERRORS: dict[int, tuple[type[LinalgdError], str]] = {
    1: (InputError, "INVALID_ARGUMENT"),
    2: (ExecutionError, "FAILED_PRECONDITION"),
    3: (InputError, "FAILED_PRECONDITION"),
    4: (ExecutionError, "INTERNAL"),
    5: (ExecutionError, "RESOURCE_EXHAUSTED"),
}


def borrow(
    address: int,
    dtype: DType,
    shape: Sequence[int],
    strides: Sequence[int] | None,
    *,
    writable: bool = False,
) -> ManagedTensor:
    """A tensor over memory that the caller keeps alive; it has no deleter.

    Args:
        address: of the first element.
        dtype: of the elements.
        shape: sizes.
        strides: in elements; None: contiguous.
        writable: whether the executable may write to it.
    """
    rank = len(shape)
    sizes = ctypes.c_int64 * rank
    managed = ManagedTensor(major=1, minor=0, flags=0 if writable else _READ_ONLY)
    managed.tensor = Tensor(
        data=address,
        device=Device(_CPU, 0),
        ndim=rank,
        dtype=DataType(dtype.code, dtype.bits, 1),
        shape=sizes(*shape),
        strides=None if strides is None else sizes(*strides),
    )
    return managed


def borrow_array(array: np.ndarray[Any, Any], dtype: DType, *, writable: bool = False) -> ManagedTensor:
    """`borrow` of an array whose strides are multiples of its elements."""
    strides = [stride // array.itemsize for stride in array.strides]
    return borrow(array.ctypes.data, dtype, array.shape, strides, writable=writable)


class Library:
    """An open executable. It is closed when neither a handle nor an output of it is left.

    Raises:
        ExecutionError: the file is no executable of linalgd, or not for this machine.
    """

    def __init__(self, path: Path) -> None:
        self._functions = _open(path)
        weakref.finalize(self, _dlclose, self._functions._handle).atexit = False
        functions = self._functions
        try:
            for name, result, arguments in _SIGNATURES:
                function = getattr(functions, name)
                function.restype, function.argtypes = result, arguments
        except AttributeError as error:
            raise ExecutionError(
                f"{path} is no executable of linalgd: {error}", code="INVALID_ARGUMENT"
            ) from error
        version = functions.linalgd_abi_version()
        if version != ABI_VERSION:
            raise ExecutionError(
                f"{path} has version {version} of the executable ABI, this package takes "
                f"{ABI_VERSION}; compile the model again, or use another version of the package"
            )

    def manifest(self) -> bytes:
        """The manifest, JSON."""
        text: bytes = self._functions.linalgd_manifest()
        return text

    def open(self) -> int:
        """Makes a handle. Raises ExecutionError where the processor lacks something."""
        handle = ctypes.c_void_p()
        self._check(self._functions.linalgd_open(ctypes.byref(handle)))
        assert handle.value is not None
        return handle.value

    def close(self, handle: int) -> None:
        """Frees a handle."""
        self._functions.linalgd_close(handle)

    def bind(self, handle: int, slot: str, tensor: ManagedTensor) -> None:
        """Gives a slot its tensor, which must stay alive and unmoved while it is bound."""
        self._check(self._functions.linalgd_bind(handle, slot.encode(), ctypes.byref(tensor)))

    def state(self, handle: int, slot: str) -> Output:
        """The memory of a buffer that the model writes: valid until it is reset, bound or closed."""
        made = _TENSOR_POINTER()
        self._check(self._functions.linalgd_state(handle, slot.encode(), ctypes.byref(made)))
        return Output(self, made)

    def reset(self, handle: int) -> None:
        """Brings the buffers that the model writes back to where it began."""
        self._functions.linalgd_reset(handle)

    def call(self, handle: int, inputs: Sequence[ManagedTensor], count: int) -> list[Output]:
        """Runs the model; returns its `count` outputs."""
        given = (_TENSOR_POINTER * len(inputs))(*(ctypes.pointer(tensor) for tensor in inputs))
        made = (_TENSOR_POINTER * count)()
        status = self._functions.linalgd_call(handle, given, len(inputs), made, count)
        self._check(status)
        return [Output(self, pointer) for pointer in made]

    def _check(self, status: int) -> None:
        if status == 0:
            return
        text = (self._functions.linalgd_last_error() or b"").decode(errors="replace")
        kind, code = _ERRORS.get(status, (ExecutionError, "UNKNOWN"))
        raise kind(text or f"the executable failed with status {status}", code=code)


class Output:
    """A tensor that an executable returned. `buffer()` hands its memory over.

    Attributes:
        code: DLPack's type code.
        bits: size of an element.
        shape: sizes; the elements are contiguous.
    """

    def __init__(self, library: Library, pointer: Any) -> None:
        tensor = pointer.contents.tensor
        self.code: int = tensor.dtype.code
        self.bits: int = tensor.dtype.bits
        self.shape = tuple(tensor.shape[axis] for axis in range(tensor.ndim))
        elements = 1
        for size in self.shape:
            elements *= size
        length = elements * self.bits // 8
        # An empty tensor may have no memory; it still has an owner.
        source = (tensor.data or 0) + tensor.byte_offset if length else None
        kind = ctypes.c_char * length
        self._buffer = kind() if source is None else kind.from_address(source)
        # Not at exit: arrays may be used until the very end.
        weakref.finalize(self._buffer, _delete, library, pointer).atexit = False

    def buffer(self) -> Any:
        """The bytes: an object with the buffer protocol, which frees them when it dies."""
        return self._buffer


def _delete(_library: Library, pointer: Any) -> None:
    """Frees an output; the library is held until then."""
    deleter = pointer.contents.deleter
    if deleter:
        deleter(pointer)


def _is_truncated(path: Path) -> bool:
    """Whether a file ends before the bytes that an ELF loader would map: using those ends the process."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        header = file.read(_ELF_HEADER.size)
        if len(header) < _ELF_HEADER.size or not header.startswith(b"\x7fELF"):
            return False  # the loader says what it is not
        offset, count = _ELF_HEADER.unpack(header)
        file.seek(offset)
        segments = file.read(count * _ELF_SEGMENT.size)
    if len(segments) < count * _ELF_SEGMENT.size:
        return True
    return any(
        kind == _PT_LOAD and start + stored > size
        for kind, start, stored in _ELF_SEGMENT.iter_unpack(segments)
    )


def _open(path: Path) -> ctypes.CDLL:
    # The loader takes a path that it has seen for the same library, even when the file is another
    # by now: give it a name that is new each time.
    with tempfile.TemporaryDirectory(prefix="linalgd-") as folder:
        alias = Path(folder) / path.name
        try:
            alias.symlink_to(path.resolve(strict=True))
            if _is_truncated(path):
                raise ExecutionError(f"cannot load {path}: the file is truncated", code="INVALID_ARGUMENT")
            return ctypes.CDLL(str(alias), mode=os.RTLD_LOCAL | os.RTLD_NOW)
        except OSError as error:
            text = str(error).replace(str(alias), str(path))
            raise ExecutionError(f"cannot load {path}: {text}", code="INVALID_ARGUMENT") from error


def _dlclose(handle: int) -> None:
    close = ctypes.CDLL(None).dlclose
    close.argtypes = (ctypes.c_void_p,)
    close(handle)


_HANDLE = ctypes.c_void_p
_SIGNATURES: tuple[tuple[str, Any, tuple[Any, ...]], ...] = (
    ("linalgd_abi_version", ctypes.c_int32, ()),
    ("linalgd_manifest", ctypes.c_char_p, ()),
    ("linalgd_open", ctypes.c_int, (ctypes.POINTER(_HANDLE),)),
    ("linalgd_bind", ctypes.c_int, (_HANDLE, ctypes.c_char_p, _TENSOR_POINTER)),
    (
        "linalgd_call",
        ctypes.c_int,
        (
            _HANDLE,
            ctypes.POINTER(_TENSOR_POINTER),
            ctypes.c_int32,
            ctypes.POINTER(_TENSOR_POINTER),
            ctypes.c_int32,
        ),
    ),
    ("linalgd_state", ctypes.c_int, (_HANDLE, ctypes.c_char_p, ctypes.POINTER(_TENSOR_POINTER))),
    ("linalgd_reset", None, (_HANDLE,)),
    ("linalgd_close", None, (_HANDLE,)),
    ("linalgd_last_error", ctypes.c_char_p, ()),
)
