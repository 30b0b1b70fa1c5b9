"""Blobs: where a model's bytes are on this machine, their digests, and how they reach the server.

A .pt2 is a ZIP of uncompressed entries. It is sent as one blob an entry, named by its path below
the root folder, so that a second save of a model sends only what changed. Anything else is one
blob.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import time
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import grpc

from linalgd import _rpc
from linalgd.errors import InputError, LinalgdError
from linalgd.v1 import blob_pb2, compile_pb2, server_pb2

READ_BYTES = 1 << 20
# What the server never reads: a pickle of the example inputs, and what differs in each save.
_UNSENT = ("data/sample_inputs/", ".data/")
# The content of a .pt2's entry "archive_format".
_FORMAT = b"pt2"
# The extensions of MLIR, as text and as bytecode.
MLIR_SUFFIXES = (".mlir", ".mlirbc")
_ENCRYPTED, _UTF8 = 1, 1 << 11
_LOCAL_HEADER = struct.Struct("<4s22xHH")
# A file written less than this before it was hashed may change again without a new mtime.
_SETTLED_NS = 20_000_000


@dataclass(frozen=True)
class Span:
    """A blob's bytes in a local file.

    Attributes:
        name: the entry's path below the root folder; "" for a whole file.
        digest: SHA-256, hexadecimal.
        size: bytes.
        offset: where in the file they begin.
    """

    name: str
    digest: str
    size: int
    offset: int


@dataclass
class Source:
    """A model on this machine, ready to be sent.

    Attributes:
        spans: its blobs.
        path: the file to read them from; None where `file` is open already.
        file: an open (temporary) file.
        is_mlir: whether the bytes are MLIR; the server tells other formats apart itself.
    """

    spans: tuple[Span, ...]
    path: Path | None = None
    file: IO[bytes] | None = None
    is_mlir: bool = False
    _model: compile_pb2.Model | None = field(default=None, repr=False)

    def model(self) -> compile_pb2.Model:
        """The manifest, as Submit takes it."""
        if self._model is None:
            self._model = compile_pb2.Model(
                format=(
                    compile_pb2.MODEL_FORMAT_MLIR if self.is_mlir else compile_pb2.MODEL_FORMAT_UNSPECIFIED
                ),
                blobs=[
                    compile_pb2.NamedBlob(name=span.name, digest=span.digest, size=span.size)
                    for span in self.spans
                ],
            )
        return self._model

    def open(self) -> IO[bytes]:
        """The file with the bytes, which the caller closes."""
        if self.path is not None:
            return self.path.open("rb")
        assert self.file is not None
        return os.fdopen(os.dup(self.file.fileno()), "rb")


class Memo:
    """Sources of files that were hashed before, by device, inode, size and times of change."""

    def __init__(self, entries: int = 256) -> None:
        self._entries = entries
        self._lock = threading.Lock()
        self._sources: OrderedDict[tuple[int, ...], Source] = OrderedDict()

    def source(self, path: Path) -> Source:
        """The blobs of the file at `path`; hashes it unless this very state of it is known.

        Raises:
            InputError: there is no such file, or it changed while it was read.
        """
        try:
            key = _identity(path.stat())
            with self._lock:
                known = self._sources.get(key)
                if known is not None:
                    self._sources.move_to_end(key)
                    # The same file under another name is as good.
                    return known if known.path == path else _file_source(known.spans, path)
            with path.open("rb") as file:
                started = time.time_ns()
                spans = split(file)
                after = os.fstat(file.fileno())
        except OSError as error:
            raise InputError(f"cannot read the model {path}: {error.strerror or error}") from error
        if _identity(after) != key:
            raise InputError(f"the model {path} changed while it was read")
        source = _file_source(spans, path)
        if started - after.st_mtime_ns > _SETTLED_NS:
            with self._lock:
                self._sources[key] = source
                while len(self._sources) > self._entries:
                    self._sources.popitem(last=False)
        return source


def _file_source(spans: tuple[Span, ...], path: Path) -> Source:
    return Source(spans, path=path, is_mlir=path.suffix in MLIR_SUFFIXES)


def _identity(stat: os.stat_result) -> tuple[int, ...]:
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def split(file: IO[bytes]) -> tuple[Span, ...]:
    """The blobs of an open model file: the entries of a well-formed .pt2, or all of it as one."""
    fd = file.fileno()
    entries = _pt2_entries(file)
    if entries is None:
        entries = [("", 0, os.fstat(fd).st_size)]
    return tuple(Span(name, _digest(fd, offset, size), size, offset) for name, offset, size in entries)


def _pt2_entries(file: IO[bytes]) -> list[tuple[str, int, int]] | None:
    """(name, offset, size) of the entries to send, in the archive's order.

    None for whatever is not a plain .pt2 of one root folder with stored entries: the server then
    gets the whole file and says what is wrong with it.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeError):
        return None
    roots = {info.filename.partition("/")[0] for info in infos}
    if len(roots) != 1:
        return None
    root = f"{roots.pop()}/"
    total = os.fstat(file.fileno()).st_size
    entries = []
    found: dict[str, tuple[int, int]] = {}
    for info in infos:
        name = info.filename.removeprefix(root)
        if not info.filename.startswith(root) or not _is_plain(name) or name in found:
            return None
        if (
            info.flag_bits & _ENCRYPTED
            or info.compress_type != zipfile.ZIP_STORED
            or info.compress_size != info.file_size
        ):
            return None
        offset = _data_offset(file.fileno(), info)
        if offset is None or offset + info.file_size > total:
            return None
        found[name] = (offset, info.file_size)
        if not name.startswith(_UNSENT):
            entries.append((name, offset, info.file_size))
    start, size = found.get("archive_format", (0, 0))
    is_pt2 = size == len(_FORMAT) and os.pread(file.fileno(), size, start) == _FORMAT
    return entries if is_pt2 and any(name.startswith("models/") for name in found) else None


def _data_offset(fd: int, info: zipfile.ZipInfo) -> int | None:
    """Where an entry's bytes begin; None where its own header is not what the directory says."""
    if info.header_offset < 0:
        return None
    header = os.pread(fd, _LOCAL_HEADER.size, info.header_offset)
    if len(header) != _LOCAL_HEADER.size:
        return None
    magic, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    name_offset = info.header_offset + _LOCAL_HEADER.size
    name = os.pread(fd, name_length, name_offset)
    encoding = "utf-8" if info.flag_bits & _UTF8 else "cp437"
    if magic != b"PK\x03\x04" or name != info.orig_filename.encode(encoding, "replace"):
        return None
    return int(name_offset + name_length + extra_length)


def _is_plain(name: str) -> bool:
    """Whether a name may stand in a manifest: a relative path that stays below the root folder."""
    return bool(name) and not name.startswith("/") and ".." not in name and "\\" not in name


def _digest(fd: int, offset: int, size: int) -> str:
    hasher = hashlib.sha256()
    for chunk in _read(fd, offset, size, READ_BYTES):
        hasher.update(chunk)
    return hasher.hexdigest()


def _read(fd: int, offset: int, size: int, chunk_bytes: int) -> Iterator[bytes]:
    """The bytes [offset, offset + size) of a file, in chunks.

    Raises:
        InputError: the file ends before.
    """
    end = offset + size
    while offset < end:
        chunk = os.pread(fd, min(chunk_bytes, end - offset), offset)
        if not chunk:
            raise InputError("the model file was truncated while it was read")
        offset += len(chunk)
        yield chunk


def upload(rpc: _rpc.Rpc, source: Source, digests: Sequence[str]) -> int:
    """Sends the blobs that the server lacks, going on where an earlier upload broke off.

    Args:
        rpc: the server.
        source: holds the bytes.
        digests: which of its blobs to send; the server is asked first what of them it has.

    Returns:
        How many bytes were sent.

    Raises:
        LinalgdError: the server refused a blob, or stayed away.
    """
    by_digest = {span.digest: span for span in source.spans}
    digests = list(dict.fromkeys(digests))
    unknown = [digest for digest in digests if digest not in by_digest]
    if unknown:
        raise LinalgdError(f"the server asks for blobs that the model does not have: {unknown}")
    sent = 0
    attempt = 0
    with source.open() as file:
        while True:
            request = blob_pb2.FindMissingRequest(digests=digests)
            try:
                missing = rpc.unary("FindMissing", request, blob_pb2.FindMissingResponse).missing
                if not missing:
                    return sent
                parts = [(by_digest[blob.digest], blob.uploaded_bytes) for blob in missing]
                stream = _UploadStream(file.fileno(), parts, _chunk_bytes(rpc))
            except grpc.RpcError as error:
                raise rpc.translate(error) from error
            try:
                rpc.client_stream("Upload", stream)
                return sent + stream.sent
            except grpc.RpcError as error:
                if stream.error is not None:
                    raise stream.error from error
                # ABORTED: somebody else sends the same blob right now.
                again = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED)
                sent += stream.sent
                attempt = 0 if stream.sent > 2 * _chunk_bytes(rpc) else attempt + 1
                if error.code() not in again or attempt >= 8:
                    raise rpc.translate(error) from error
                _rpc.backoff(attempt)


def _chunk_bytes(rpc: _rpc.Rpc) -> int:
    if rpc.chunk_bytes == 0:
        info = rpc.unary("GetServerInfo", server_pb2.GetServerInfoRequest(), server_pb2.ServerInfo)
        limit = info.limits.max_chunk_bytes or READ_BYTES
        rpc.chunk_bytes = min(limit, READ_BYTES)
    return rpc.chunk_bytes


class _UploadStream:
    """The messages of one Upload call; gRPC asks for the next one when the last one is on its way.

    Attributes:
        sent: bytes of blobs handed over so far.
        error: what went wrong on this side, which gRPC itself would only log.
    """

    def __init__(self, fd: int, parts: list[tuple[Span, int]], chunk_bytes: int) -> None:
        self.sent = 0
        self.error: LinalgdError | None = None
        self._messages = self._generate(fd, parts, chunk_bytes)

    def __iter__(self) -> _UploadStream:
        return self

    def __next__(self) -> blob_pb2.UploadRequest:
        try:
            return next(self._messages)
        except LinalgdError as error:
            self.error = error
            raise
        except OSError as error:
            self.error = InputError(f"cannot read the model: {error}")
            raise

    def _generate(
        self, fd: int, parts: list[tuple[Span, int]], chunk_bytes: int
    ) -> Iterator[blob_pb2.UploadRequest]:
        for span, begin in parts:
            header = blob_pb2.BlobHeader(digest=span.digest, size=span.size, offset=begin)
            yield blob_pb2.UploadRequest(header=header)
            for chunk in _read(fd, span.offset + begin, span.size - begin, chunk_bytes):
                yield blob_pb2.UploadRequest(data=chunk)
                self.sent += len(chunk)


def download(rpc: _rpc.Rpc, digest: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
    """The bytes of a blob of the server, in chunks; a broken stream is resumed.

    A whole blob is verified against its digest once its last chunk has been yielded.

    Args:
        rpc: the server.
        digest: the blob.
        offset: where to begin.
        length: how many bytes; None: to the end.

    Raises:
        ServerError: the server has no such blob, or what it sent is not that blob.
    """
    if length == 0:
        return
    whole = hashlib.sha256() if offset == 0 else None
    position, attempt = offset, 0
    size: int | None = None
    end = None if length is None else offset + length
    while end is None or position < end:
        request = blob_pb2.DownloadRequest(
            digest=digest, offset=position, length=0 if end is None else end - position
        )
        try:
            for message in rpc.server_stream("Download", request, None):
                if size is None:
                    size = message.size
                    end = size if end is None else end
                if message.data:
                    position += len(message.data)
                    attempt = 0
                    if whole is not None:
                        whole.update(message.data)
                    yield message.data
            if end is None:  # an empty blob may come without a message
                size = end = position
            if position < end:
                raise _rpc.bad_answer(rpc, f"the download of blob {digest} ended early")
        except grpc.RpcError as error:
            attempt += 1
            if error.code() != grpc.StatusCode.UNAVAILABLE or attempt >= 5:
                raise rpc.translate(error) from error
            _rpc.backoff(attempt)
    if whole is not None and position == size and whole.hexdigest() != digest:
        raise _rpc.bad_answer(rpc, f"the bytes received of blob {digest} do not match its digest")
