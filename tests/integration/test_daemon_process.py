"""The daemon as a process: where it listens, how it ends, what it refuses. With the tests' own worker."""

from __future__ import annotations

import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon import Daemon, binary

StartDaemon = Callable[..., Daemon]


def fake_worker() -> str:
    """A worker that needs no compiler."""
    return str(binary("linalgd").parents[1] / "tests" / "linalgd-fake-worker")


@pytest.fixture
def start(start_daemon: StartDaemon) -> StartDaemon:
    """Starts servers with one fake worker each."""
    return lambda *flags: start_daemon("--workers", "1", "--worker-path", fake_worker(), *flags)


def refusal(*flags: str | Path) -> tuple[int, str]:
    """Exit code and log of a server that is expected not to start."""
    ended = subprocess.run(
        [binary("linalgd"), "--workers", "1", *flags],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return ended.returncode, ended.stderr


def fetch(address: str, path: str) -> tuple[int, str]:
    """Status and body of an HTTP GET."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_serves_http_and_ends_with_code_0(start: StartDaemon) -> None:
    daemon = start()
    assert fetch(daemon.metrics, "/healthz") == (200, "ok\n")
    status, metrics = fetch(daemon.metrics, "/metrics")
    assert status == 200
    assert 'linalgd_jobs{state="queued"} 0' in metrics
    assert fetch(daemon.metrics, "/other")[0] == 404
    assert daemon.stop(signal.SIGINT) == 0
    assert 'level=info message="ended"' in daemon.log.read_text()


def test_one_daemon_to_a_store_and_to_an_address(start: StartDaemon, tmp_path: Path) -> None:
    daemon = start("--log-format", "json")
    worker = ("--worker-path", fake_worker())
    any_port = "127.0.0.1:0"
    other = tmp_path / "other"

    code, log = refusal(*worker, "--listen", any_port, "--metrics", any_port, "--store", tmp_path / "store")
    assert code == 1
    assert "in use by another linalgd" in log
    code, log = refusal(*worker, "--listen", daemon.address, "--metrics", any_port, "--store", other)
    assert code == 1
    assert f"cannot listen on {daemon.address}" in log
    code, log = refusal(*worker, "--listen", any_port, "--metrics", daemon.metrics, "--store", other)
    assert code == 1
    assert f"cannot listen on {daemon.metrics}" in log
    assert fetch(daemon.metrics, "/healthz")[0] == 200


def test_refuses_what_it_cannot_start_with(tmp_path: Path) -> None:
    code, log = refusal(
        *("--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--store", tmp_path),
        *("--worker-path", "/nowhere/worker"),
    )
    assert code == 1
    assert "no worker program /nowhere/worker" in log
    code, log = refusal("--colour", "red")
    assert code == 2
    assert "--colour" in log
