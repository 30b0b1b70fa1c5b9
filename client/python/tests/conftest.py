"""Fixtures of the client's own tests: a server in this process, and a C library with our ABI."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import build_protos  # noqa: E402

if not build_protos.is_current():
    build_protos.generate()

import linalgd  # noqa: E402
from fake_server import FakeServer  # noqa: E402


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server that keeps blobs in memory and answers jobs as the test tells it."""
    fake = FakeServer()
    yield fake
    fake.stop()


@pytest.fixture
def client(server: FakeServer) -> Iterator[linalgd.Client]:
    """A client of `server`."""
    with linalgd.Client(server.address) as connected:
        yield connected


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compiles one of `executables/*.c`, which implement the ABI by hand, and returns its path."""
    folder = tmp_path_factory.mktemp("libraries")

    @functools.cache
    def compiled(name: str, **macros: str) -> Path:
        library = folder / "-".join([name, *macros.values()]).replace('"', "") / "model.so"
        library.parent.mkdir()
        include = HERE.parents[2] / "compiler" / "runtime"
        command = ["cc", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", f"-I{include}"]
        command += [f"-D{macro}={value}" for macro, value in macros.items()]
        source = HERE / "executables" / f"{name}.c"
        subprocess.run([*command, str(source), "-o", str(library)], check=True)
        return library

    return compiled
