"""A linalgd server in this process, which compiles nothing: it answers as the test tells it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import any_pb2, message_factory

from linalgd.v1 import blob_pb2, compile_pb2, error_pb2, server_pb2

Outcome = Callable[["FakeServer", compile_pb2.SubmitRequest], list[compile_pb2.JobEvent]]


class FakeServer:
    """Blobs in memory; jobs whose events come from `outcome`.

    Attributes:
        outcome: makes the events of a submitted job; the last one must end it.
        instant: Submit answers with the final state, as for a cached artifact.
        calls: names of the methods called, in order.
        received: bytes of blobs that were uploaded.
        break_upload_after: close the next Upload with UNAVAILABLE after so many bytes.
        break_watch_after: close each Watch with UNAVAILABLE after so many events.
        break_download_after: close each Download with UNAVAILABLE after so many chunks.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.partial: dict[str, bytes] = {}
        self.jobs: dict[str, list[compile_pb2.JobEvent]] = {}
        self.requests: list[compile_pb2.SubmitRequest] = []
        self.outcome: Outcome = succeed()
        self.instant = False
        self.calls: list[str] = []
        self.received = 0
        self.chunks: list[int] = []
        self.break_upload_after: int | None = None
        self.break_watch_after: int | None = None
        self.break_download_after: int | None = None
        self.release = threading.Event()
        self.release.set()
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        for module in (blob_pb2, compile_pb2, server_pb2):
            for service in module.DESCRIPTOR.services_by_name.values():
                self._server.add_generic_rpc_handlers([self._handlers(service)])
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self.release.set()
        self._server.stop(grace=0).wait()

    def add(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return digest

    def _handlers(self, service: Any) -> Any:
        handlers = {}
        for method in service.methods:
            kind = f"{'stream' if method.client_streaming else 'unary'}_" + (
                "stream" if method.server_streaming else "unary"
            )
            make = getattr(grpc, f"{kind}_rpc_method_handler")
            handlers[method.name] = make(
                self._logged(method.name),
                request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
                response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
            )
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _logged(self, name: str) -> Callable[[Any, Any], Any]:
        def call(request: Any, context: Any) -> Any:
            self.calls.append(name)
            method = getattr(self, name, None)
            if method is None:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, name)
            assert method is not None
            return method(request, context)

        return call

    # BlobService

    def FindMissing(self, request: Any, context: Any) -> Any:
        missing = [
            blob_pb2.MissingBlob(digest=digest, uploaded_bytes=len(self.partial.get(digest, b"")))
            for digest in request.digests
            if digest not in self.blobs
        ]
        return blob_pb2.FindMissingResponse(missing=missing, lease_seconds=60)

    def Upload(self, requests: Iterator[Any], context: Any) -> Any:
        header: Any = None
        data, stored = b"", []
        for request in requests:
            if request.HasField("header"):
                header = request.header
                data = self.partial.pop(header.digest, b"")[: header.offset]
                assert len(data) == header.offset
            else:
                self.chunks.append(len(request.data))
                data += request.data
                self.received += len(request.data)
                if self.break_upload_after is not None and self.received >= self.break_upload_after:
                    self.break_upload_after = None
                    self.partial[header.digest] = data
                    context.abort(grpc.StatusCode.UNAVAILABLE, "broken on purpose")
            if header is not None and len(data) == header.size:
                if self.add(data) != header.digest:
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "wrong digest")
                stored.append(header.digest)
                header = None
            elif header is not None:
                self.partial[header.digest] = data
        return blob_pb2.UploadResponse(digests=stored)

    def Download(self, request: Any, context: Any) -> Iterator[Any]:
        data = self.blobs.get(request.digest)
        if data is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no blob {request.digest}")
        assert data is not None
        end = request.offset + request.length if request.length else len(data)
        for count, begin in enumerate(range(request.offset, end, 1000)):
            if count == self.break_download_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "broken on purpose")
            yield blob_pb2.DownloadResponse(
                data=data[begin : min(begin + 1000, end)], size=0 if count else len(data)
            )

    # CompileService

    def Submit(self, request: Any, context: Any) -> Any:
        missing = [blob.digest for blob in request.model.blobs if blob.digest not in self.blobs]
        if missing:
            detail = any_pb2.Any()
            detail.Pack(error_pb2.MissingBlobs(digests=missing))
            status = error_pb2.StatusDetails(code=9, message="blobs are missing", details=[detail])
            context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "blobs are missing")
        self.requests.append(request)
        events = self.outcome(self, request)
        for sequence, event in enumerate(events, 1):
            event.sequence = sequence
            if event.HasField("state"):
                event.state.job_id = request.job_id
                event.state.options.CopyFrom(request.options)
        self.jobs[request.job_id] = events
        if self.instant:
            return events[-1].state
        return compile_pb2.Job(
            job_id=request.job_id, state=compile_pb2.JOB_STATE_QUEUED, options=request.options
        )

    def Get(self, request: Any, context: Any) -> Any:
        if request.job_id not in self.jobs:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no job {request.job_id}")
        return self.jobs[request.job_id][-1].state

    def Watch(self, request: Any, context: Any) -> Iterator[Any]:
        sent = 0
        for event in self.jobs[request.job_id]:
            if event.sequence <= request.after_sequence:
                continue
            if sent == self.break_watch_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "broken on purpose")
            if event.HasField("state") and event.state.state >= compile_pb2.JOB_STATE_SUCCEEDED:
                self.release.wait()
            yield event
            sent += 1

    def Cancel(self, request: Any, context: Any) -> Any:
        job = compile_pb2.Job(job_id=request.job_id, state=compile_pb2.JOB_STATE_CANCELLED)
        self.jobs[request.job_id][-1].state.CopyFrom(job)
        self.release.set()
        return job

    def List(self, request: Any, context: Any) -> Any:
        jobs = []
        for events in self.jobs.values():
            job = compile_pb2.Job()
            job.CopyFrom(events[-1].state)
            job.ClearField("artifact")
            jobs.append(job)
        begin = int(request.page_token or 0)
        page = jobs[begin : begin + 2]
        more = begin + 2 < len(jobs)
        return compile_pb2.ListResponse(jobs=page, next_page_token=str(begin + 2) if more else "")

    # ServerService

    def GetServerInfo(self, request: Any, context: Any) -> Any:
        info = server_pb2.ServerInfo(version="1.2.3", protocol="linalgd.v1", targets=["x86-64-v3"])
        info.limits.max_chunk_bytes = 50_000
        info.limits.job_timeout.seconds = 600
        info.stages.add(name="linalg", description="linalg on tensors")
        return info

    def GetStats(self, request: Any, context: Any) -> Any:
        stats = server_pb2.Stats(jobs_submitted=len(self.requests))
        stats.uptime.nanos = 500_000_000
        return stats


def state(value: compile_pb2.JobState, **fields: Any) -> compile_pb2.JobEvent:
    """An event that a job's state changed."""
    return compile_pb2.JobEvent(state=compile_pb2.Job(state=value, **fields))


def succeed(
    data: bytes = b"module {\n}\n",
    stage: str = "linalg",
    weights: list[compile_pb2.WeightBinding] | None = None,
) -> Outcome:
    """Every job succeeds with this artifact."""

    def outcome(server: FakeServer, request: compile_pb2.SubmitRequest) -> list[Any]:
        artifact = compile_pb2.Artifact(key="ab" * 32, stage=stage, weights=weights or [])
        artifact.signature_json = '{"entry": "main"}'
        artifact.files.add(name="model", digest=server.add(data), size=len(data))
        finished = compile_pb2.JobEvent()
        finished.stage_finished.stage = "linalg"
        finished.stage_finished.elapsed.nanos = 250_000_000
        return [
            state(compile_pb2.JOB_STATE_RUNNING, step="inspect"),
            compile_pb2.JobEvent(stage_started="linalg"),
            finished,
            state(compile_pb2.JOB_STATE_SUCCEEDED, artifact=artifact),
        ]

    return outcome


def fail(failure: compile_pb2.Failure) -> Outcome:
    """Every job fails so."""
    return lambda server, request: [state(compile_pb2.JOB_STATE_FAILED, failure=failure)]
