"""Uploads that are wrong or stop half-way."""

from __future__ import annotations

import os
import re
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from bad_input.checks import leftovers
from stubs import DEADLINE, Stubs, digest_of

from daemon import Daemon
from linalgd.v1 import blob_pb2


def missing(stubs: Stubs, digest: str) -> int | None:
    """How much of a blob the server has; None: all."""
    answer = stubs.call("FindMissing", blob_pb2.FindMissingRequest(digests=[digest]))
    return answer.missing[0].uploaded_bytes if answer.missing else None


@pytest.mark.parametrize(
    ("announced", "sent", "pattern"),
    [
        (100, bytes(100), "have the SHA-256 .*; they are dropped"),
        (99, bytes(100), "was announced with 99 bytes, and more came"),
        (101, bytes(100), "the stream ended within blob .*, after 100 of 101 bytes"),
        (1 << 60, b"", "more than the .* of the whole store"),
    ],
    ids=["wrong digest", "too many", "too few", "absurd size"],
)
def test_bytes_that_are_not_the_blob(stubs: Stubs, announced: int, sent: bytes, pattern: str) -> None:
    digest = digest_of(uuid.uuid4().bytes)
    header = blob_pb2.BlobHeader(digest=digest, size=announced)
    messages = [blob_pb2.UploadRequest(header=header), blob_pb2.UploadRequest(data=sent)]
    with pytest.raises(grpc.RpcError) as refused:
        stubs.call("Upload", iter(messages))
    assert re.search(pattern, refused.value.details())
    assert missing(stubs, digest) == (100 if announced == 101 else 0)


@pytest.mark.parametrize("resumes", [True, False])
def test_an_upload_that_stops_half_way(daemon: Daemon, stubs: Stubs, folder: Path, resumes: bool) -> None:
    data = os.urandom(400_000)
    header = blob_pb2.BlobHeader(digest=digest_of(data), size=len(data))
    gone = threading.Event()

    def half() -> Iterator[blob_pb2.UploadRequest]:
        yield blob_pb2.UploadRequest(header=header)
        yield blob_pb2.UploadRequest(data=data[:250_000])
        gone.wait(DEADLINE)

    vanishing = Stubs(daemon)
    upload = vanishing.future("Upload", half())
    while not leftovers(folder):
        time.sleep(0.01)
    time.sleep(0.1)
    upload.cancel()
    vanishing.close()
    gone.set()
    deadline = time.monotonic() + DEADLINE
    while missing(stubs, header.digest) != 250_000:
        assert time.monotonic() < deadline
    if resumes:
        header.offset = 250_000
        rest = [blob_pb2.UploadRequest(header=header), blob_pb2.UploadRequest(data=data[250_000:])]
        stubs.call("Upload", iter(rest))
        assert missing(stubs, header.digest) is None
        assert stubs.download(header.digest) == data
        return
    while leftovers(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert missing(stubs, header.digest) == 0


def test_a_model_that_was_not_sent(stubs: Stubs) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        stubs.call("Submit", stubs.request("nobody sent this"))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
