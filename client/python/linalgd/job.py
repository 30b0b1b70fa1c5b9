"""Job: a compile that runs on the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import grpc

from linalgd import _rpc
from linalgd._progress import Progress
from linalgd.artifact import Artifact
from linalgd.errors import CompileError, Diagnostic, JobCancelled, JobTimeout
from linalgd.v1 import compile_pb2

STATES = {
    compile_pb2.JOB_STATE_QUEUED: "QUEUED",
    compile_pb2.JOB_STATE_RUNNING: "RUNNING",
    compile_pb2.JOB_STATE_SUCCEEDED: "SUCCEEDED",
    compile_pb2.JOB_STATE_FAILED: "FAILED",
    compile_pb2.JOB_STATE_CANCELLED: "CANCELLED",
}
_FINAL = (
    compile_pb2.JOB_STATE_SUCCEEDED,
    compile_pb2.JOB_STATE_FAILED,
    compile_pb2.JOB_STATE_CANCELLED,
)
# A Watch is begun anew at least this often: a server that vanished without a word is noticed.
_WATCH_SECONDS = 30.0
# How long a server may stay away while a job is waited for.
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class StageTiming:
    """How long a stage ("inspect", "linalg", …) took, seconds."""

    stage: str
    seconds: float


@dataclass(frozen=True)
class JobStatus:
    """A job as it stood when the server was asked.

    Attributes:
        id: chosen by whoever submitted it.
        state: "QUEUED", "RUNNING", "SUCCEEDED", "FAILED" or "CANCELLED".
        label: as submitted.
        step: "inspect", or the stage that is running.
        emit: the stage that was asked for.
        created: when it was submitted (UTC).
        started: when a worker took it, if one has.
        finished: when it ended, if it has.
        timings: of the stages so far.
    """

    id: str
    state: str
    label: str
    step: str
    emit: str
    created: datetime | None
    started: datetime | None
    finished: datetime | None
    timings: tuple[StageTiming, ...]

    @property
    def done(self) -> bool:
        """Whether the job has ended."""
        return self.state in ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass(frozen=True)
class Event:
    """Something that happened to a job.

    Attributes:
        sequence: from 1 on, without gaps.
        time: when (UTC).
        kind: "state", "stage-started", "stage-finished" or "diagnostic".
        status: with "state".
        stage: with "stage-started" and "stage-finished".
        seconds: with "stage-finished".
        diagnostic: with "diagnostic".
    """

    sequence: int
    time: datetime | None
    kind: str
    status: JobStatus | None = None
    stage: str = ""
    seconds: float = 0.0
    diagnostic: Diagnostic | None = None


class Job:
    """A handle on a job of the server. Safe for use from several threads."""

    def __init__(self, rpc: _rpc.Rpc, message: compile_pb2.Job) -> None:
        self._rpc = rpc
        self._message = message
        self.id: str = message.job_id

    def __repr__(self) -> str:
        state = STATES.get(self._message.state, "UNKNOWN")
        return f"<linalgd.Job {self.id} {state} (as last heard)>"

    def status(self) -> JobStatus:
        """Asks the server how the job stands.

        Raises:
            ServerError: NOT_FOUND where the server has forgotten it.
        """
        if self._message.state not in _FINAL:
            self._message = self._call("Get", compile_pb2.GetRequest(job_id=self.id))
        return to_status(self._message)

    def cancel(self) -> JobStatus:
        """Asks for cancellation. A job that has ended stays as it is.

        Returns:
            The job as it then stands; it may take a moment to end.
        """
        self._message = self._call("Cancel", compile_pb2.CancelRequest(job_id=self.id))
        return to_status(self._message)

    def events(self, after: int = 0, timeout: float | None = None) -> Iterator[Event]:
        """What happens to the job, from the event after sequence number `after` to its end.

        A broken connection is taken up where it broke.

        Raises:
            JobTimeout: the job did not end within `timeout` seconds.
            ServerUnavailable: the server stayed away for a minute.
        """
        now = time.monotonic()
        deadline = None if timeout is None else now + timeout
        heard = now
        attempt = 0
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise JobTimeout(f"job {self.id} did not end within {timeout} s; it goes on")
            request = compile_pb2.WatchRequest(job_id=self.id, after_sequence=after)
            wait = _WATCH_SECONDS if left is None else min(left, _WATCH_SECONDS)
            try:
                for message in self._rpc.server_stream("Watch", request, wait):
                    after, attempt, heard = message.sequence, 0, time.monotonic()
                    if message.WhichOneof("event") == "state":
                        self._message = message.state
                    yield _to_event(message)
                    if self._ended_by(message):
                        return
                return  # everything up to the end was read before
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                    if deadline is None or time.monotonic() < deadline:
                        self._call("Get", compile_pb2.GetRequest(job_id=self.id))  # is it alive?
                    heard = time.monotonic()
                    continue
                away = time.monotonic() - heard > _PATIENCE_SECONDS
                if error.code() != grpc.StatusCode.UNAVAILABLE or away:
                    raise self._rpc.translate(error) from error
            _rpc.backoff(attempt)
            attempt += 1

    def result(self, timeout: float | None = None, progress: bool = False) -> Artifact:
        """Waits for the job's end.

        Args:
            timeout: how long to wait, seconds; None: as long as it takes.
            progress: show on stderr what the job does: one live line on a terminal, else one line
                for each stage.

        Raises:
            CompileError: the job failed; `.diagnostics` says where and why.
            JobCancelled: it was cancelled.
            JobTimeout: it did not end in time.
            ServerUnavailable: the server went away and did not come back.
        """
        if self._message.state not in _FINAL:
            display = Progress(self.id) if progress else None
            try:
                for event in self.events(after=0 if progress else self._last(), timeout=timeout):
                    if display is not None:
                        display.show(event)
            finally:
                if display is not None:
                    display.close()
        if self._message.state not in _FINAL or self._lacks_outcome():
            self._message = self._call("Get", compile_pb2.GetRequest(job_id=self.id))
        return self._outcome()

    def _last(self) -> int:
        return int(self._message.last_sequence)

    def _lacks_outcome(self) -> bool:
        """Whether the message is of a list, which comes without artifacts and failures."""
        message = self._message
        succeeded = message.state == compile_pb2.JOB_STATE_SUCCEEDED
        failed = message.state == compile_pb2.JOB_STATE_FAILED
        return (succeeded and not message.HasField("artifact")) or (
            failed and not message.HasField("failure")
        )

    @staticmethod
    def _ended_by(message: compile_pb2.JobEvent) -> bool:
        return message.WhichOneof("event") == "state" and message.state.state in _FINAL

    def _outcome(self) -> Artifact:
        message = self._message
        if message.state == compile_pb2.JOB_STATE_SUCCEEDED:
            return Artifact(self._rpc, message.artifact, message.options.weights)
        if message.state == compile_pb2.JOB_STATE_CANCELLED:
            raise JobCancelled(f"job {self.id} was cancelled")
        failure = message.failure
        raise CompileError(
            failure.message or "the compile failed",
            code=failure.code or "UNKNOWN",
            diagnostics=_rpc.diagnostics(failure.diagnostics),
            job_id=self.id,
        )

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """Warnings and notes of the job, as last heard."""
        return _rpc.diagnostics(self._message.diagnostics)

    def _call(self, method: str, request: Any) -> compile_pb2.Job:
        try:
            return self._rpc.unary(method, request, compile_pb2.Job)
        except grpc.RpcError as error:
            raise self._rpc.translate(error) from error


def to_status(message: compile_pb2.Job) -> JobStatus:
    """The status that a Job message tells."""
    return JobStatus(
        id=message.job_id,
        state=STATES.get(message.state, "UNKNOWN"),
        label=message.label,
        step=message.step,
        emit=message.options.emit,
        created=_moment(message, "created"),
        started=_moment(message, "started"),
        finished=_moment(message, "finished"),
        timings=tuple(StageTiming(timing.stage, _seconds(timing.elapsed)) for timing in message.timings),
    )


def _to_event(message: compile_pb2.JobEvent) -> Event:
    when = _moment(message, "time")
    kind = message.WhichOneof("event")
    if kind == "state":
        return Event(message.sequence, when, "state", status=to_status(message.state))
    if kind == "stage_started":
        return Event(message.sequence, when, "stage-started", stage=message.stage_started)
    if kind == "stage_finished":
        timing = message.stage_finished
        seconds = _seconds(timing.elapsed)
        return Event(message.sequence, when, "stage-finished", stage=timing.stage, seconds=seconds)
    if kind == "diagnostic":
        (diagnostic,) = _rpc.diagnostics([message.diagnostic])
        return Event(message.sequence, when, "diagnostic", diagnostic=diagnostic)
    return Event(message.sequence, when, "unknown")  # of a newer server


def _moment(message: Any, name: str) -> datetime | None:
    if not message.HasField(name):
        return None
    stamp = getattr(message, name)
    return datetime.fromtimestamp(stamp.seconds + stamp.nanos / 1e9, tz=timezone.utc)


def _seconds(duration: Any) -> float:
    return float(duration.seconds) + float(duration.nanos) / 1e9
