"""One server for all that is bad: whatever is sent, it and its store are as before."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from archives import entries_of, pack
from bad_input.checks import leftovers
from stubs import DEADLINE, Stubs

import linalgd
from daemon import Daemon

UPLOAD_TTL = 1.0
JOB_TIMEOUT = 8.0


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad-input")


@pytest.fixture(scope="package")
def daemon(folder: Path) -> Iterator[Daemon]:
    """One server for all that is bad."""
    flags = ("--workers", "2", "--worker-memory", "1GiB")
    times = ("--upload-ttl", f"{UPLOAD_TTL:g}s", "--job-timeout", f"{JOB_TIMEOUT:g}s")
    with Daemon(folder, *flags, *times) as running:
        yield running


@pytest.fixture(scope="package")
def good(folder: Path) -> Path:
    path = folder / "good.pt2"
    path.write_bytes(pack(entries_of("mlp")))
    return path


@pytest.fixture
def stubs(daemon: Daemon) -> Iterator[Stubs]:
    connected = Stubs(daemon)
    yield connected
    connected.close()


@pytest.fixture
def worker_restarts() -> int | None:
    """How often a test makes a worker end, None where that varies; a test that does says so itself."""
    return 0


@pytest.fixture(autouse=True)
def unharmed(
    daemon: Daemon, client: linalgd.Client, good: Path, folder: Path, worker_restarts: int | None
) -> Iterator[None]:
    """After each test: nothing is left over, no worker ended, and a new job is served."""
    before = client.stats()
    yield
    deadline = time.monotonic() + DEADLINE
    while leftovers(folder) or client.stats().jobs_running + client.stats().jobs_queued:
        assert time.monotonic() < deadline, leftovers(folder)
        time.sleep(0.05)
    made = client.submit(good, emit="torch", entry=f"after_{uuid.uuid4().hex}").result(timeout=DEADLINE)
    assert (made.cached, "torch.aten.linear" in made.text()) == (False, True)
    while worker_restarts and client.stats().worker_restarts < before.worker_restarts + worker_restarts:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if worker_restarts is not None:
        assert client.stats().worker_restarts == before.worker_restarts + worker_restarts
    assert daemon.process.poll() is None
