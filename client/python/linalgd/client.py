"""Client: the connection to a linalgd server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import grpc

from linalgd import _blobs, _capture, _rpc
from linalgd.errors import InputError, LinalgdError
from linalgd.job import STATES, Job
from linalgd.keys import KeyReport
from linalgd.report import Report
from linalgd.v1 import compile_pb2, server_pb2

if TYPE_CHECKING:
    from linalgd.executable import Executable

DEFAULT_ADDRESS = "localhost:8470"
_WEIGHTS = {
    "embed": compile_pb2.WEIGHTS_MODE_EMBED,
    "external": compile_pb2.WEIGHTS_MODE_EXTERNAL,
    "inline": compile_pb2.WEIGHTS_MODE_INLINE,
    "params": compile_pb2.WEIGHTS_MODE_PARAMS,
}
_LOCATIONS = {
    "ids": compile_pb2.LOCATIONS_MODE_IDS,
    "python": compile_pb2.LOCATIONS_MODE_PYTHON,
}
# Blobs that the server evicts between their upload and the Submit are sent again this often.
_SUBMITS = 4


@dataclass(frozen=True)
class ServerInfo:
    """What a server is.

    Attributes:
        version: of linalgd.
        protocol: "linalgd.v1".
        build_id: of what determines its output.
        libraries: their versions by name.
        stages: descriptions by stage, in order.
        targets: what `target` may be, beside "triple:cpu:features".
        default_target: what None means.
        limits: by name; bytes and seconds.
    """

    version: str
    protocol: str
    build_id: str
    libraries: dict[str, str]
    stages: dict[str, str]
    targets: list[str]
    default_target: str
    limits: dict[str, float]


@dataclass(frozen=True)
class Stats:
    """Counters of a server since its start, and what it holds now.

    `cache_joined` counts the jobs that another job's compile served, `stage_resumes` the compiles
    that went on from a cached stage; `uptime` is in seconds.
    """

    jobs_submitted: int
    jobs_succeeded: int
    jobs_failed: int
    jobs_cancelled: int
    jobs_queued: int
    jobs_running: int
    cache_hits: int
    cache_misses: int
    cache_joined: int
    stage_resumes: int
    artifacts: int
    blobs: int
    store_bytes_used: int
    worker_restarts: int
    uptime: float
    draining: bool


class Client:
    """A connection to a server. Safe for use from several threads; a context manager.

    Args:
        address: "HOST:PORT"; None: $LINALGD_ADDRESS, then localhost:8470.
        timeout: how long a single request may take, seconds (uploads, downloads and waiting for
            a job have no limit of their own).
    """

    def __init__(self, address: str | None = None, *, timeout: float = 30.0) -> None:
        chosen = address or os.environ.get("LINALGD_ADDRESS") or DEFAULT_ADDRESS
        self._rpc = _rpc.Rpc(chosen, timeout)
        self._memo = _blobs.Memo()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<linalgd.Client {self.address}>"

    @property
    def address(self) -> str:
        """The server's address."""
        return self._rpc.address

    def close(self) -> None:
        """Closes the connection. Jobs go on."""
        self._rpc.close()

    def submit(
        self,
        model: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        emit: str = "linalg",
        dynamic_shapes: Any = None,
        target: str | None = None,
        weights: Literal["embed", "external", "inline", "params"] = "embed",
        keep_ops: Iterable[str] = (),
        *,
        entry: str = "main",
        model_name: str = "",
        locations: Literal["ids", "python"] = "ids",
        timeout: float | None = None,
        label: str = "",
        job_id: str | None = None,
    ) -> Job:
        """Sends a model to be compiled and returns at once.

        Args:
            model: the path of a .pt2, .pt or .mlir (.mlirbc) file, MLIR itself (text of several
                lines, or bytes), an nn.Module (an fx.GraphModule is one) or another callable,
                exported here by torch.export, an ExportedProgram, or a ScriptModule. A module
                on the meta device compiles without weights: the executable asks for them by
                name (`Executable.unbound`, `bind`).
            args: example inputs. Modules, callables and TorchScript need them; files with a
                signature don't. Of TorchScript, they are tensors or `TensorSpec`s, numbers, strings
                and None, which are fixed, and lists, tuples and dicts of these.
            kwargs: example keyword inputs.
            emit: "torch-raw", "torch", "linalg", "llvm", "executable", or what `explain` and
                `explain_key` ask for: "report", "key".
            dynamic_shapes: which sizes vary, as torch.export.export takes it; of TorchScript, by
                position. Sizes of one name (a string, or torch.export.Dim) are equal.
            target: "x86-64-v2", "x86-64-v3", "x86-64-v4" or "triple:cpu:features"; None: the
                server's default.
            weights: "embed" (in the executable; text names slots), "external" (beside it, as
                safetensors), "inline" (written into the text) or "params" (globals for IREE).
            keep_ops: ops that pass through undecomposed: "aten.gelu"; without an overload
                ("aten.softmax"), all of its overloads.
            entry: name of the function in the artifact; of an MLIR module with several public
                functions, also which of them is compiled.
            model_name: which model of a .pt2 that holds several; "": the only one.
            locations: what IR locations hold: stable node ids, or the Python lines of the model.
            timeout: how long the job may take from now on, seconds; None: the server's limit.
            label: shown in lists of jobs.
            job_id: chosen by the caller, 1 to 128 characters of [A-Za-z0-9._-]: submitting the same
                request under the same id again answers with the same job. None: a new random one.

        Raises:
            InputError: an argument is wrong.
            CaptureError: torch.export cannot export the module or callable.
            ServerUnavailable: no server answers, or it drains.
            ServerError: the server refused the job (its queue is full, the id is taken, …).
        """
        if not isinstance(args, (tuple, list)):
            raise InputError(f"args must be a tuple of inputs, not {type(args).__name__}")
        options = compile_pb2.CompileOptions(
            emit=emit,
            target=target or "",
            weights=_choice("weights", weights, _WEIGHTS),
            locations=_choice("locations", locations, _LOCATIONS),
            keep_ops=[keep_ops] if isinstance(keep_ops, str) else keep_ops,
            entry=entry,
            model_name=model_name,
        )
        source, inputs = _capture.source_of(model, tuple(args), kwargs or {}, dynamic_shapes, self._memo)
        options.inputs.extend(inputs)
        request = compile_pb2.SubmitRequest(
            job_id=job_id or str(uuid.uuid4()),
            model=source.model(),
            options=options,
            label=label,
        )
        if timeout is not None:
            request.timeout.FromNanoseconds(int(timeout * 1e9))
        return self._submit(request, source)

    def _submit(self, request: compile_pb2.SubmitRequest, source: _blobs.Source) -> Job:
        """Submits in the hope that the server has the blobs; sends those that it misses."""
        for _ in range(_SUBMITS):
            try:
                return Job(self._rpc, self._rpc.unary("Submit", request, compile_pb2.Job))
            except grpc.RpcError as error:
                if not _rpc.missing_blobs(error):
                    raise self._rpc.translate(error) from error
            # The error names the first missing blobs only; FindMissing tells all.
            _blobs.upload(self._rpc, source, [span.digest for span in source.spans])
        raise LinalgdError(
            f"the server at {self.address} drops the model's blobs as fast as they arrive: its "
            "store is too small for it",
            code="RESOURCE_EXHAUSTED",
        )

    def compile(
        self,
        model: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        progress: bool = False,
        **options: Any,
    ) -> Executable:
        """Compiles a model and loads it here, to be called like the model.

        Args:
            model: as `submit` takes it.
            args: example inputs.
            kwargs: example keyword inputs.
            progress: show what the job does, as in `Job.result`.
            **options: of `submit`.

        Raises:
            CompileError: it cannot be compiled.
            LinalgdError: as `submit`, `Job.result` and `linalgd.load` raise them.
        """
        job = self.submit(model, args, kwargs, emit="executable", **options)
        return job.result(progress=progress).load()

    def explain(
        self,
        model: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        keep_ops: Iterable[str] = (),
        **options: Any,
    ) -> Report:
        """Reports on a model without compiling it: ops, what is not supported, shapes, weights.

        A model with unsupported ops is no error: the report tells them all.

        Args:
            model: as `submit` takes it.
            args: example inputs.
            kwargs: example keyword inputs.
            keep_ops: ops that need no support, as in `submit`.
            **options: of `submit`, but for `emit`.

        Raises:
            CompileError: the model cannot be read.
            LinalgdError: as `submit` and `Job.result` raise them.
        """
        job = self.submit(model, args, kwargs, emit="report", keep_ops=keep_ops, **options)
        artifact = job.result()
        return Report(artifact.read, artifact.key, artifact.cached)

    def explain_key(
        self,
        model: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        emit: str = "linalg",
        **options: Any,
    ) -> KeyReport:
        """Tells what the key of an artifact is made of; `KeyReport.compare` takes two of them.

        Args:
            model: as `submit` takes it.
            args: example inputs.
            kwargs: example keyword inputs.
            emit: of which artifact.
            **options: of `submit`; those that are part of the key.

        Raises:
            InputError: the options allow no such artifact.
            CompileError: the model cannot be read.
            LinalgdError: as `submit` and `Job.result` raise them.
        """
        artifact = self.submit(model, args, kwargs, emit="key", **options).result()
        return KeyReport(artifact.read, emit)

    def job(self, job_id: str) -> Job:
        """The handle of a job by its id.

        Raises:
            ServerError: NOT_FOUND where the server does not know it.
        """
        request = compile_pb2.GetRequest(job_id=job_id)
        return Job(self._rpc, self._unary("Get", request, compile_pb2.Job))

    def jobs(self, states: Iterable[str] = (), limit: int = 100) -> list[Job]:
        """The jobs that the server remembers, newest first.

        Args:
            states: "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"; none: all.
            limit: how many at most.
        """
        numbers = {name: number for number, name in STATES.items()}
        wanted = [_choice("state", state, numbers) for state in states]
        found: list[Job] = []
        token = ""
        while len(found) < limit:
            size = min(limit - len(found), 1000)
            request = compile_pb2.ListRequest(states=wanted, page_size=size, page_token=token)
            page = self._unary("List", request, compile_pb2.ListResponse)
            found += [Job(self._rpc, message) for message in page.jobs]
            token = page.next_page_token
            if not token:
                break
        return found[:limit]

    def info(self) -> ServerInfo:
        """Versions, stages, targets and limits of the server."""
        message = self._unary("GetServerInfo", server_pb2.GetServerInfoRequest(), server_pb2.ServerInfo)
        limits = message.limits
        return ServerInfo(
            version=message.version,
            protocol=message.protocol,
            build_id=message.build_id,
            libraries=dict(message.libraries),
            stages={stage.name: stage.description for stage in message.stages},
            targets=list(message.targets),
            default_target=message.default_target,
            limits={
                "max_blob_bytes": limits.max_blob_bytes,
                "max_chunk_bytes": limits.max_chunk_bytes,
                "store_bytes": limits.store_bytes,
                "max_queued_jobs": limits.max_queued_jobs,
                "worker_memory_bytes": limits.worker_memory_bytes,
                "job_timeout": limits.job_timeout.ToNanoseconds() / 1e9,
                "workers": limits.workers,
            },
        )

    def stats(self) -> Stats:
        """Counters of the server: jobs, cache, store."""
        message = self._unary("GetStats", server_pb2.GetStatsRequest(), server_pb2.Stats)
        values: dict[str, Any] = {
            name: getattr(message, name) for name in Stats.__dataclass_fields__ if name != "uptime"
        }
        return Stats(**values, uptime=message.uptime.ToNanoseconds() / 1e9)

    def _unary(self, method: str, request: Any, reply: Any) -> Any:
        try:
            return self._rpc.unary(method, request, reply)
        except grpc.RpcError as error:
            raise self._rpc.translate(error) from error


def _choice(what: str, value: str, known: Mapping[str, int]) -> Any:
    if value not in known:
        raise InputError(f"{what} must be one of {', '.join(known)}, not {value!r}")
    return known[value]
