"""Clients and workers that go away."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from archives import slow
from stubs import DEADLINE, workers_of

import linalgd
from daemon import Daemon, binary


@pytest.fixture(scope="module")
def slow_model(folder: Path) -> Path:
    path = folder / "slow.pt2"
    path.write_bytes(slow(180))
    return path


def test_a_client_that_vanishes(
    client: linalgd.Client, daemon: Daemon, slow_model: Path, tmp_path: Path
) -> None:
    command: list[str | Path] = [binary("linalgc"), "--server", daemon.address, "compile", slow_model]
    command += ["--emit", "executable", "--entry", "vanished", "-o", tmp_path / "out.so"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while True:
            running = [job for job in client.jobs() if job.status().step == "executable"]
            if running:
                break
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    (job,) = running
    assert list(tmp_path.iterdir()) == []
    assert job.status().state == "RUNNING"
    assert job.result(timeout=DEADLINE).stage == "executable"
    again = client.submit(slow_model, emit="executable", entry="vanished").result(timeout=DEADLINE)
    assert again.cached
    y = again.load()(np.ones((2, 4), np.float32))
    assert y.shape == (2, 2)


def kill_workers(job: linalgd.Job, daemon: Daemon, times: int) -> None:
    """Kills all workers each time the job's last stage starts."""
    for event in job.events(timeout=DEADLINE):
        if event.kind == "stage-started" and event.stage == "executable":
            for pid in workers_of(daemon):
                os.kill(pid, signal.SIGKILL)
            times -= 1
            if times == 0:
                return


@pytest.mark.parametrize("worker_restarts", [None])
def test_a_worker_that_is_killed(client: linalgd.Client, daemon: Daemon, slow_model: Path) -> None:
    job = client.submit(slow_model, emit="executable", entry="killed_once")
    kill_workers(job, daemon, times=1)
    assert not job.result(timeout=DEADLINE).cached
    assert [found.code for found in job.diagnostics] == ["worker-retried"]


@pytest.mark.parametrize("worker_restarts", [None])
def test_a_worker_that_is_killed_again(client: linalgd.Client, daemon: Daemon, slow_model: Path) -> None:
    before = client.stats().artifacts
    job = client.submit(slow_model, emit="executable", entry="killed_twice")
    kill_workers(job, daemon, times=2)
    with pytest.raises(linalgd.CompileError, match="SIGKILL") as caught:
        job.result(timeout=DEADLINE)
    assert caught.value.code == "INTERNAL"
    assert caught.value.diagnostics[-1].code == "worker-crashed"
    # The stages before are as good as ever; a crash is not remembered.
    assert client.stats().artifacts == before + 3
    again = client.submit(slow_model, emit="executable", entry="killed_twice").result(timeout=DEADLINE)
    assert not again.cached
