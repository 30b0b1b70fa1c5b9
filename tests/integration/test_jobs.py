"""Jobs through a real daemon, with workers that crash, hang and answer as they are told."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from stubs import DEADLINE, Stubs, digest_of, fake_worker, missing_blobs, workers_of

from daemon import Daemon
from linalgd.v1 import compile_pb2, server_pb2

SUCCEEDED = compile_pb2.JOB_STATE_SUCCEEDED
FAILED = compile_pb2.JOB_STATE_FAILED
CANCELLED = compile_pb2.JOB_STATE_CANCELLED

StartServer = Callable[..., Stubs]


@pytest.fixture
def start_server(start_daemon: Callable[..., Daemon]) -> Iterator[StartServer]:
    """Starts servers with fake workers."""
    connected: list[Stubs] = []

    def start(*flags: str) -> Stubs:
        stubs = Stubs(start_daemon("--worker-path", fake_worker(), *flags))
        connected.append(stubs)
        return stubs

    yield start
    for stubs in connected:
        stubs.close()


@pytest.fixture
def server(start_server: StartServer) -> Stubs:
    """A server with fake workers."""
    return start_server("--workers", "2")


def key() -> str:
    """A line that gives a script a key of its own."""
    return f"key {uuid.uuid4()}\n"


def test_submit_upload_submit(server: Stubs) -> None:
    script = key()
    request = server.request(script)
    with pytest.raises(grpc.RpcError) as refused:
        server.call("Submit", request)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert missing_blobs(refused.value) == [digest_of(script.encode())]

    server.upload(script.encode())
    job = server.call("Submit", request)
    events = server.watch(job.job_id)
    final = events[-1].state
    assert final.state == SUCCEEDED
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert server.download(final.artifact.files[0].digest).endswith(b"torch-raw;torch;linalg;")


def test_cached_submit_is_answered_at_once(server: Stubs) -> None:
    script = key()
    first = server.run(script)
    again = server.call("Submit", server.request(script))
    assert again.state == SUCCEEDED
    assert again.artifact.cached
    assert not first.artifact.cached
    assert again.artifact.key == first.artifact.key
    request = server.request(script)
    times = []
    for _ in range(20):
        request.job_id = str(uuid.uuid4())
        start = time.perf_counter()
        server.call("Submit", request)
        times.append(time.perf_counter() - start)
    # The project's promise is 10 ms with the whole client; this leaves room for a busy machine.
    assert sorted(times)[10] < 0.05


def test_cache_survives_a_restart(start_server: StartServer) -> None:
    script = key()
    first = start_server()
    job = first.run(script)
    assert first.daemon.stop() == 0
    second = start_server()
    assert second.get(job.job_id).artifact.key == job.artifact.key
    assert second.run(script).artifact.cached


def test_worker_crash(server: Stubs) -> None:
    job = server.run(key() + "torch stderr the last words\ntorch crash")
    assert (job.state, job.failure.code) == (FAILED, "INTERNAL")
    assert job.failure.diagnostics[-1].code == "worker-crashed"
    assert "SIGSEGV" in job.failure.message
    assert "the last words" in job.failure.message
    assert job.failure.diagnostics[-1].hint
    assert server.run(key()).state == SUCCEEDED


def test_worker_killed_mid_compile_is_retried(server: Stubs) -> None:
    job = server.submit(key() + "torch sleep 2000")
    server.wait_for_step(job.job_id, "torch")
    for pid in workers_of(server.daemon):
        os.kill(pid, signal.SIGKILL)
    server.watch(job.job_id)
    final = server.get(job.job_id)
    assert final.state == SUCCEEDED
    assert [diagnostic.code for diagnostic in final.diagnostics] == ["worker-retried"]
    assert server.metric("linalgd_worker_restarts_total") >= 1


def test_worker_out_of_memory(start_server: StartServer) -> None:
    server = start_server("--worker-memory", "256MiB")
    other = server.submit(key() + "torch sleep 300")
    job = server.run(key() + "torch allocate 2000")
    assert job.failure.code == "RESOURCE_EXHAUSTED"
    assert job.failure.diagnostics[-1].code == "worker-memory"
    server.watch(other.job_id)
    assert server.get(other.job_id).state == SUCCEEDED


def test_worker_hangs(start_server: StartServer) -> None:
    server = start_server("--job-timeout", "1s")
    job = server.run(key() + "torch hang")
    assert job.failure.code == "DEADLINE_EXCEEDED"
    assert job.failure.diagnostics[-1].code == "worker-timeout"


@pytest.mark.parametrize("command", ["garbage", "huge-frame", "unexpected"])
def test_worker_garbles_its_protocol(server: Stubs, command: str) -> None:
    job = server.run(key() + f"torch {command}")
    assert job.failure.code == "INTERNAL"
    assert job.failure.diagnostics[-1].code == "worker-protocol"
    assert server.run(key()).state == SUCCEEDED


def test_failures_lead_to_python_lines(server: Stubs) -> None:
    script = key() + "linalg unsupported torch.aten.foo n1"
    job = server.run(script)
    assert job.failure.code == "UNIMPLEMENTED"
    (diagnostic,) = job.failure.diagnostics
    assert diagnostic.op == "torch.aten.foo"
    assert diagnostic.location.file == f"model-{len(script)}.py"
    # The same graph from another file: the answer comes from memory, the place is the submitter's.
    moved = script + "\ninspect stderr moved"
    (diagnostic,) = server.run(moved).failure.diagnostics
    assert diagnostic.location.file == f"model-{len(moved)}.py"


def test_single_flight(server: Stubs, tmp_path: Path) -> None:
    log = tmp_path / "compiled"
    script = key() + f"linalg log {log}\nlinalg sleep 500"
    server.upload(script.encode())
    ids = [server.call("Submit", server.request(script)).job_id for _ in range(10)]
    # One of those who wait goes away: the others do not notice.
    server.call("Cancel", compile_pb2.CancelRequest(job_id=ids[0]))
    for job_id in ids[1:]:
        assert server.watch(job_id)[-1].state.state == SUCCEEDED
    assert server.get(ids[0]).state == CANCELLED
    assert len(log.read_text().splitlines()) == 1


def test_cancel_kills_the_worker(start_server: StartServer) -> None:
    server = start_server("--workers", "1")
    job = server.submit(key() + "torch hang")
    server.wait_for_step(job.job_id, "torch")
    cancel = compile_pb2.CancelRequest(job_id=job.job_id)
    assert server.call("Cancel", cancel).state == CANCELLED
    assert server.run(key()).state == SUCCEEDED


def test_watchers_may_vanish(server: Stubs) -> None:
    job = server.submit(key() + "torch sleep 500")
    lost = Stubs(server.daemon)
    seen = lost.wait_for_step(job.job_id, "torch")
    lost.close()
    events = server.watch(job.job_id, after=seen)
    assert events[0].sequence == seen + 1
    assert events[-1].state.state == SUCCEEDED


def test_same_id(server: Stubs) -> None:
    script = key()
    server.upload(script.encode())
    request = server.request(script)
    server.call("Submit", request)
    server.watch(request.job_id)
    assert server.call("Submit", request).state == SUCCEEDED
    request.options.emit = "torch"
    with pytest.raises(grpc.RpcError) as refused:
        server.call("Submit", request)
    assert refused.value.code() == grpc.StatusCode.ALREADY_EXISTS


def test_acknowledged_jobs_survive_sigkill(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server("--workers", "1")
    running = server.submit(key() + "torch sleep 300")
    seen = server.wait_for_step(running.job_id, "torch")
    waiting = server.submit(key())
    workers = workers_of(server.daemon)
    server.daemon.stop(signal.SIGKILL)
    deadline = time.monotonic() + DEADLINE
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline, "workers outlive their daemon"
        time.sleep(0.05)

    server = start_server("--workers", "1")
    events = server.watch(running.job_id, after=seen)
    assert events[-1].state.state == SUCCEEDED
    assert events[0].sequence > seen
    server.watch(waiting.job_id)
    assert server.get(waiting.job_id).state == SUCCEEDED
    assert server.daemon.stop() == 0
    assert list((tmp_path / "store" / "temporary").iterdir()) == []


def test_drain_lets_running_jobs_finish(start_server: StartServer) -> None:
    server = start_server("--grace", "20s")
    job = server.submit(key() + "linalg sleep 1000")
    server.wait_for_step(job.job_id, "linalg")
    codes: list[int] = []
    stopper = threading.Thread(target=lambda: codes.append(server.daemon.stop()))
    stopper.start()
    events = server.watch(job.job_id)
    assert events[-1].state.state == SUCCEEDED
    stopper.join()
    assert codes == [0]


def test_drain_refuses_new_jobs(server: Stubs) -> None:
    script = key()
    server.upload(script.encode())
    assert server.call("Drain", server_pb2.DrainRequest()).drained
    with pytest.raises(grpc.RpcError) as refused:
        server.call("Submit", server.request(script))
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_grace_is_not_for_ever(start_server: StartServer) -> None:
    server = start_server("--grace", "200ms")
    job = server.submit(key() + "torch sleep 20000")
    server.wait_for_step(job.job_id, "torch")
    start = time.monotonic()
    assert server.daemon.stop() == 0
    assert time.monotonic() - start < 15
    again = start_server()
    assert again.get(job.job_id).state in (
        compile_pb2.JOB_STATE_QUEUED,
        compile_pb2.JOB_STATE_RUNNING,
    )
    again.call("Cancel", compile_pb2.CancelRequest(job_id=job.job_id))


def test_queue_is_bounded(start_server: StartServer) -> None:
    server = start_server("--workers", "1", "--max-queue", "1", "--grace", "0s")
    job = server.submit(key() + "torch sleep 20000")
    server.wait_for_step(job.job_id, "torch")
    server.submit(key())
    with pytest.raises(grpc.RpcError) as refused:
        server.submit(key())
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_requests_are_checked(server: Stubs) -> None:
    request = server.request(key(), job_id="../../etc/passwd")
    with pytest.raises(grpc.RpcError) as refused:
        server.call("Submit", request)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "job_id" in refused.value.details()


def test_stats_count(server: Stubs) -> None:
    script = key()
    server.run(script)
    server.run(script)
    stats = server.call("GetStats", server_pb2.GetStatsRequest())
    assert (stats.jobs_submitted, stats.jobs_succeeded) == (2, 2)
    assert (stats.cache_hits, stats.cache_misses) == (1, 1)
    info = server.call("GetServerInfo", server_pb2.GetServerInfoRequest())
    assert info.build_id == "fake-build"
    assert [stage.name for stage in info.stages] == [
        "torch-raw",
        "torch",
        "linalg",
        "llvm",
        "executable",
        "report",
        "key",
    ]
