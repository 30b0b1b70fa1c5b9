"""Artifact: what a compile returned, to be read, saved or run."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from linalgd import _blobs, _rpc
from linalgd.errors import InputError, ServerError
from linalgd.v1 import compile_pb2

if TYPE_CHECKING:
    from linalgd.executable import Executable

_RESOURCES = "\n{-#"


@dataclass(frozen=True)
class ArtifactFile:
    """One file of an artifact.

    Attributes:
        name: "model.mlir", "model.so".
        digest: its SHA-256, hexadecimal.
        size: bytes.
        media_type: "text/x-mlir", …
    """

    name: str
    digest: str
    size: int
    media_type: str


@dataclass(frozen=True)
class WeightBinding:
    """A weight that the artifact names by its slot.

    Attributes:
        slot: the parameter's or buffer's name.
        dtype: "float32", …
        shape: sizes.
        bound: False where the model holds no data for it.
        digest: the server's blob with its bytes, or "".
        offset: where in that blob the first element is.
        size: bytes from there that hold the elements.
        strides: in elements; empty: contiguous, row-major.
    """

    slot: str
    dtype: str
    shape: tuple[int, ...]
    bound: bool
    digest: str
    offset: int
    size: int
    strides: tuple[int, ...] = ()


class Artifact:
    """A compiled model. Its bytes stay on the server until they are asked for.

    Attributes:
        key: SHA-256 over everything that determines it; equal keys mean equal artifacts.
        cached: whether it was served without compiling for this job.
        stage: "torch-raw", "torch", "linalg", "llvm", "executable", "report" or "key".
        target: "triple:cpu:features" from llvm on, else "".
        files: its files, the artifact proper first.
        weights: the weights that it names by slot, with where their bytes are.
    """

    def __init__(self, rpc: _rpc.Rpc, message: compile_pb2.Artifact, weights_mode: int) -> None:
        self._rpc = rpc
        self._weights_mode = weights_mode
        self._signature_json = message.signature_json
        self.key = message.key
        self.cached = message.cached
        self.stage = message.stage
        self.target = message.target
        self.files = [
            ArtifactFile(file.name, file.digest, file.size, file.media_type) for file in message.files
        ]
        self.weights = [
            WeightBinding(
                weight.slot,
                weight.dtype,
                tuple(weight.shape),
                weight.bound,
                weight.digest,
                weight.offset,
                weight.size,
                tuple(weight.strides),
            )
            for weight in message.weights
        ]

    def __repr__(self) -> str:
        return f"<linalgd.Artifact {self.stage} key={self.key[:12]} cached={self.cached}>"

    @cached_property
    def signature(self) -> dict[str, Any]:
        """The model's inputs, outputs, state, symbols and pytree specs; see docs/protocol.md."""
        parsed: dict[str, Any] = json.loads(self._signature_json or "{}")
        return parsed

    def text(self, weights: Literal["elide", "inline"] = "elide") -> str:
        """The IR as text.

        Args:
            weights: "elide" names the weights by slot and leaves their data out; "inline" writes
                them into the text, two characters a byte.

        Raises:
            InputError: the artifact is no text, or a weight to be written has no data.
        """
        if weights not in ("elide", "inline"):
            raise InputError(f'weights must be "elide" or "inline", not {weights!r}')
        if weights == "inline" and self._weights_mode == compile_pb2.WEIGHTS_MODE_PARAMS:
            raise InputError("text with weights='params' takes them from elsewhere; submit without it")
        if self.stage == "executable":
            raise InputError("an executable has no text; submit with emit='llvm' or 'linalg'")
        text = self.data().decode()
        if not self.stage_names_slots or (weights == "inline" and _RESOURCES in text):
            return text
        body = text.partition(_RESOURCES)[0].rstrip("\n") + "\n"
        return body if weights == "elide" else body + self._resources()

    @property
    def stage_names_slots(self) -> bool:
        """Whether the artifact is MLIR, whose weights are `dense_resource` slots."""
        return self.stage in ("torch-raw", "torch", "linalg")

    def _resources(self) -> str:
        """MLIR's resource section with the bytes of every weight."""
        entries = []
        for weight in self.weights:
            if not weight.bound:
                raise InputError(f"the model holds no data for the weight {weight.slot}")
            data = b"".join(self.weight_data(weight))
            # The first four bytes are the alignment.
            entries.append(f'      {json.dumps(weight.slot)}: "0x40000000{data.hex().upper()}"')
        if not entries:
            return ""
        joined = ",\n".join(entries)
        return "\n{-#\n  dialect_resources: {\n    builtin: {\n" + joined + "\n    }\n  }\n#-}\n"

    def data(self, file: ArtifactFile | None = None) -> bytes:
        """The bytes of one of `files`, the artifact proper by default."""
        chosen = file or self.files[0]
        return b"".join(_blobs.download(self._rpc, chosen.digest))

    def read(self, name: str) -> bytes:
        """The bytes of the file of a name.

        Raises:
            InputError: the artifact has no such file.
        """
        for file in self.files:
            if file.name == name:
                return self.data(file)
        known = ", ".join(file.name for file in self.files)
        raise InputError(f"the artifact has no file {name!r}, but {known}")

    def weight_data(self, weight: WeightBinding) -> Iterator[bytes]:
        """The bytes of a weight, contiguous and row-major, in chunks.

        Raises:
            InputError: the model holds no data for it.
        """
        if not weight.bound:
            raise InputError(f"the model holds no data for the weight {weight.slot}")
        stored = _blobs.download(self._rpc, weight.digest, weight.offset, weight.size)
        return iter([_contiguous(weight, b"".join(stored))]) if weight.strides else stored

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the artifact to a file, which appears complete or not at all.

        With weights="external", the weights are written beside it: `model.safetensors` for
        `model.so`, where `linalgd.load` looks for them.

        Returns:
            The path written.

        Raises:
            InputError: the file cannot be written.
        """
        target = Path(path)
        if self._weights_mode == compile_pb2.WEIGHTS_MODE_EXTERNAL:
            self.save_weights(target.with_suffix(".safetensors"))

        def write(file: IO[bytes]) -> None:
            for chunk in _blobs.download(self._rpc, self.files[0].digest):
                file.write(chunk)

        mode = 0o777 if self.stage == "executable" else 0o666
        _replace(target, mode, write)
        return target

    def save_weights(self, path: str | os.PathLike[str]) -> Path:
        """Writes the weights that have data to a safetensors file, by slot.

        Returns:
            The path written.
        """
        from linalgd import _safetensors

        bound = {weight.slot: weight for weight in self.weights if weight.bound}
        head, order = _safetensors.layout(
            _safetensors.Entry(weight.slot, weight.dtype, weight.shape) for weight in bound.values()
        )

        def write(file: IO[bytes]) -> None:
            file.write(head)
            for entry in order:
                for chunk in self.weight_data(bound[entry.name]):
                    file.write(chunk)

        target = Path(path)
        _replace(target, 0o666, write)
        return target

    def load(self) -> Executable:
        """The executable, ready to be called. Nothing of it stays on disk.

        Raises:
            InputError: the artifact is of another stage.
            ExecutionError: it does not run on this machine.
        """
        from linalgd.executable import load

        if self.stage != "executable":
            raise InputError(f"{self.stage} does not run; submit with emit='executable'")
        # The library and its weights stay mapped when their names are gone.
        with tempfile.TemporaryDirectory(prefix="linalgd-") as folder:
            return load(self.save(Path(folder) / "model.so"))


def _contiguous(weight: WeightBinding, stored: bytes) -> bytes:
    """The elements of a strided weight in row-major order."""
    import numpy as np

    from linalgd._dtypes import DTYPES

    item = DTYPES[weight.dtype].itemsize
    last = sum((size - 1) * stride for size, stride in zip(weight.shape, weight.strides, strict=True))
    if 0 in weight.shape:
        return b""
    if min(weight.strides) < 0 or (last + 1) * item > len(stored):
        raise ServerError(f"the strides of the weight {weight.slot} leave its bytes", code="DATA_LOSS")
    elements = np.frombuffer(stored, dtype=f"V{item}")
    strides = [stride * item for stride in weight.strides]
    return np.lib.stride_tricks.as_strided(elements, weight.shape, strides).tobytes()


def _replace(path: Path, mode: int, write: Callable[[IO[bytes]], None]) -> None:
    """Writes a file beside `path` and renames it there."""
    try:
        with _temporary_beside(path) as (temporary, file):
            write(file)
            file.flush()
            os.fchmod(file.fileno(), mode & ~_umask())
            temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def _temporary_beside(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(fd, "wb") as file:
            yield temporary, file
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's umask, without the race of setting it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o022
