"""Fixtures of the tests that need a server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYTHON_CLIENT = ROOT / "client" / "python"
# The checkout's own client, whatever is installed.
sys.path[:0] = [str(ROOT / "tests"), str(PYTHON_CLIENT)]
subprocess.run([sys.executable, PYTHON_CLIENT / "build_protos.py", "--if-needed"], check=True)

import linalgd  # noqa: E402
from daemon import Daemon  # noqa: E402


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One server for all tests that do it no harm."""
    with Daemon(tmp_path_factory.mktemp("linalgd")) as running:
        yield running


@pytest.fixture
def start_daemon(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Starts servers of the test's own, with the flags given; they share a store."""
    with ExitStack() as running:
        yield lambda *flags: running.enter_context(Daemon(tmp_path, *flags))


@pytest.fixture
def client(daemon: Daemon) -> Iterator[linalgd.Client]:
    """A client of `daemon`."""
    with linalgd.Client(daemon.address) as connected:
        yield connected
