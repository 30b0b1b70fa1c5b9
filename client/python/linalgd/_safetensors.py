"""Safetensors files: an 8-byte little-endian length, a JSON header, the tensors' bytes."""

from __future__ import annotations

import json
import math
import mmap
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from linalgd._dtypes import DTYPES, FROM_SAFETENSORS
from linalgd.errors import InputError

_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 64
_MAX_HEADER = 100 << 20


@dataclass(frozen=True)
class Entry:
    """A tensor of a file to be written.

    Attributes:
        name: its key.
        dtype: as signatures spell it.
        shape: sizes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize


def layout(entries: Iterable[Entry]) -> tuple[bytes, list[Entry]]:
    """The head of a file, and the order in which the tensors' bytes follow it without gaps.

    Tensors of wide elements come first, so that each is aligned to its elements.

    Raises:
        InputError: the format has no such dtype.
    """
    ordered = sorted(entries, key=lambda entry: -DTYPES[entry.dtype].itemsize)
    header: dict[str, Any] = {}
    offset = 0
    for entry in ordered:
        dtype = DTYPES[entry.dtype]
        if not dtype.safetensors:
            raise InputError(f"safetensors cannot hold {entry.name}: it has no {entry.dtype}")
        end = offset + entry.size
        header[entry.name] = {
            "dtype": dtype.safetensors,
            "shape": list(entry.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + _LENGTH.size) % _ALIGNMENT)
    return _LENGTH.pack(len(text)) + text, ordered


def read(path: Path) -> Mapping[str, np.ndarray[Any, Any]]:
    """The tensors of a file, mapped into memory: read-only arrays that share its pages.

    Raises:
        InputError: the file is not safetensors, or its header lies.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (ValueError, KeyError, TypeError, struct.error, OSError) as error:
        raise InputError(f"cannot read the weights in {path}: {error}") from error


def _read(file: IO[bytes]) -> dict[str, np.ndarray[Any, Any]]:
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    if length > _MAX_HEADER:
        raise ValueError(f"a header of {length} bytes is absurd")
    header = json.loads(file.read(length))
    base = _LENGTH.size + length
    data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))[base:]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype = FROM_SAFETENSORS[entry["dtype"]]
        begin, end = entry["data_offsets"]
        shape = tuple(int(size) for size in entry["shape"])
        count = math.prod(shape)
        if not 0 <= begin <= end <= len(data) or end - begin != count * dtype.itemsize:
            raise ValueError(f"the offsets of {name} do not fit")
        raw = np.frombuffer(data[begin:end], dtype=np.uint8)
        array = np.ndarray(shape, dtype.numpy(), buffer=raw) if count else np.empty(shape, dtype.numpy())
        tensors[name] = array if array.flags.aligned else array.copy()
    return tensors
