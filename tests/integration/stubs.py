"""A server as the tests of the protocol see it: generated stubs, and models that are scripts.

The scripts are for `linalgd-fake-worker` (compiler/worker/fake_worker.cpp), which crashes, hangs or
answers as they say.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf import message_factory

from daemon import ROOT, Daemon
from linalgd.v1 import blob_pb2, compile_pb2, error_pb2, server_pb2

CHUNK_BYTES = 1 << 19
# Of one call, seconds. Nothing here takes as long.
DEADLINE = 60.0


def fake_worker() -> str:
    """The program that `--worker-path` names."""
    path = ROOT / os.environ.get("LINALGD_BUILD", "build") / "tests" / "linalgd-fake-worker"
    assert path.exists(), f"{path} is not built: ninja -C build linalgd-fake-worker"
    return str(path)


def digest_of(data: bytes) -> str:
    """A blob's name."""
    return hashlib.sha256(data).hexdigest()


def calls(channel: grpc.Channel, service: Any) -> dict[str, Callable[..., Any]]:
    """The methods of a service, from its descriptor."""
    made = {}
    for method in service.methods:
        kind = "_".join("stream" if streams else "unary" for streams in _streaming(method))
        made[method.name] = getattr(channel, kind)(
            f"/{service.full_name}/{method.name}",
            request_serializer=message_factory.GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
    return made


def _streaming(method: Any) -> tuple[bool, bool]:
    return method.client_streaming, method.server_streaming


class Stubs:
    """The services of a running daemon."""

    def __init__(self, daemon: Daemon) -> None:
        """Connects.

        Args:
            daemon: the server.
        """
        self.daemon = daemon
        self.channel = grpc.insecure_channel(daemon.address)
        self._calls: dict[str, Callable[..., Any]] = {}
        for module in (blob_pb2, compile_pb2, server_pb2):
            for service in module.DESCRIPTOR.services_by_name.values():
                self._calls |= calls(self.channel, service)

    def call(self, method: str, request: Any) -> Any:
        """Calls a method by its name and returns the answer, or the stream of answers."""
        return self._calls[method](request, timeout=DEADLINE)

    def future(self, method: str, request: Any) -> Any:
        """Calls a method and returns the call, which can be cancelled."""
        return self._calls[method].future(request, timeout=DEADLINE)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Closes the connection."""
        self.channel.close()

    def upload(self, data: bytes) -> str:
        """Uploads a blob and returns its digest."""

        def messages() -> Iterator[blob_pb2.UploadRequest]:
            header = blob_pb2.BlobHeader(digest=digest_of(data), size=len(data))
            yield blob_pb2.UploadRequest(header=header)
            for start in range(0, len(data), CHUNK_BYTES):
                yield blob_pb2.UploadRequest(data=data[start : start + CHUNK_BYTES])

        self.call("Upload", messages())
        return digest_of(data)

    def request(
        self, script: str, *, job_id: str | None = None, emit: str = "linalg"
    ) -> compile_pb2.SubmitRequest:
        """A Submit of a script as the model; nothing is uploaded."""
        data = script.encode()
        blob = compile_pb2.NamedBlob(digest=digest_of(data), size=len(data))
        return compile_pb2.SubmitRequest(
            job_id=job_id or str(uuid.uuid4()),
            model=compile_pb2.Model(blobs=[blob]),
            options=compile_pb2.CompileOptions(emit=emit),
        )

    def submit(self, script: str, *, job_id: str | None = None, emit: str = "linalg") -> compile_pb2.Job:
        """Uploads a script and submits it."""
        self.upload(script.encode())
        request = self.request(script, job_id=job_id, emit=emit)
        job = self.call("Submit", request)
        assert isinstance(job, compile_pb2.Job)
        return job

    def watch(self, job_id: str, after: int = 0) -> list[compile_pb2.JobEvent]:
        """The events of a job up to its end."""
        request = compile_pb2.WatchRequest(job_id=job_id, after_sequence=after)
        return list(self.call("Watch", request))

    def get(self, job_id: str) -> compile_pb2.Job:
        """The job as it stands."""
        job = self.call("Get", compile_pb2.GetRequest(job_id=job_id))
        assert isinstance(job, compile_pb2.Job)
        return job

    def run(self, script: str, *, emit: str = "linalg") -> compile_pb2.Job:
        """Uploads, submits and waits for the end."""
        job = self.submit(script, emit=emit)
        self.watch(job.job_id)
        return self.get(job.job_id)

    def wait_for_step(self, job_id: str, step: str) -> int:
        """Waits until a stage has begun; returns the event's sequence number."""
        request = compile_pb2.WatchRequest(job_id=job_id)
        events = self.call("Watch", request)
        for event in events:
            if event.stage_started == step:
                events.cancel()
                return int(event.sequence)
        raise AssertionError(f"job {job_id} ended before step {step}")

    def download(self, digest: str) -> bytes:
        """The bytes of a blob."""
        request = blob_pb2.DownloadRequest(digest=digest)
        return b"".join(part.data for part in self.call("Download", request))

    def metric(self, name: str) -> float:
        """The sum of a metric's values over its labels."""
        url = f"http://{self.daemon.metrics}/metrics"
        with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
            lines = answer.read().decode().splitlines()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name]
        assert values, f"no metric {name}"
        return sum(values)


def workers_of(daemon: Daemon) -> list[int]:
    """The process ids of the daemon's workers."""
    found = subprocess.run(
        ["pgrep", "-P", str(daemon.process.pid)], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in found.stdout.split()]


def missing_blobs(error: grpc.RpcError) -> list[str]:
    """The digests that a FAILED_PRECONDITION of Submit names."""
    trailers = dict(error.trailing_metadata())
    details = error_pb2.StatusDetails.FromString(trailers["grpc-status-details-bin"])
    missing = error_pb2.MissingBlobs()
    assert details.details[0].Unpack(missing)
    return list(missing.digests)
