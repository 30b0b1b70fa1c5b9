"""linalgc against a real daemon whose worker does as the model says (linalgd-fake-worker)."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daemon import Daemon, binary

FAKE_WORKER = binary("linalgd").parent.parent / "tests" / "linalgd-fake-worker"
SECONDS = 60.0


@dataclass
class Cli:
    """linalgc in a folder of its own.

    Attributes:
        address: of the server.
        folder: where it runs.
    """

    address: str
    folder: Path

    def command(self, *arguments: str) -> list[str]:
        return [str(binary("linalgc")), "--server", self.address, *arguments]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, capture_output=True, text=True, timeout=SECONDS
        )

    def json(self, *arguments: str) -> Any:
        return json.loads(self("--json", *arguments).stdout)

    def model(self, script: str) -> str:
        """Writes a model that makes the worker do this; returns its name."""
        (self.folder / "model.mlir").write_text(script)
        return "model.mlir"


@pytest.fixture
def cli(start_daemon: Callable[..., Daemon], tmp_path: Path) -> Cli:
    daemon = start_daemon("--worker-path", str(FAKE_WORKER), "--workers", "1")
    folder = tmp_path / "cli"
    folder.mkdir()
    return Cli(daemon.address, folder)


def test_compiles_once(cli: Cli) -> None:
    model = cli.model("key once\n")
    first = cli.json("compile", model, "-o", "first.mlir")
    assert (first["state"], first["cached"]) == ("succeeded", False)
    assert list(first["timings"])[-1] == "linalg"
    second = cli.json("compile", model, "-o", "second.mlir")
    assert (second["key"], second["cached"]) == (first["key"], True)
    assert (cli.folder / "first.mlir").read_bytes() == (cli.folder / "second.mlir").read_bytes()
    assert cli.json("cache")["hits"] == 1


@pytest.mark.parametrize(
    ("script", "code", "text"),
    [
        ("linalg unsupported torch.aten.foo n1\n", 1, "[unsupported-op]"),
        ("linalg crash\n", 1, "SIGSEGV"),
        ("inspect invalid the graph is empty\n", 1, "the graph is empty"),
        ("linalg hang\n", 4, "[DEADLINE_EXCEEDED]"),
    ],
)
def test_failures(cli: Cli, script: str, code: int, text: str) -> None:
    result = cli("compile", cli.model(script), "-o", "out", "--timeout", "3")
    assert result.returncode == code
    assert text in result.stderr
    assert {path.name for path in cli.folder.iterdir()} == {"model.mlir"}
    assert cli("status").returncode == 0


def test_interrupt_cancels_the_job(cli: Cli) -> None:
    command = cli.command("compile", cli.model("linalg hang\n"), "-o", "out")
    with subprocess.Popen(command, cwd=cli.folder, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + SECONDS
        while not any(job.get("step") == "linalg" for job in cli.json("jobs")["jobs"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
    assert [job["state"] for job in cli.json("jobs")["jobs"]] == ["cancelled"]


def test_fetches_a_job_that_nobody_waited_for(cli: Cli) -> None:
    job = cli("compile", cli.model("key later\nlinalg sleep 100\n"), "--no-wait").stdout.strip()
    assert cli("fetch", job, "-o", "later.mlir").returncode == 0
    assert (cli.folder / "later.mlir").stat().st_size > 0
    assert cli("cancel", job).stdout == f"{job}: succeeded\n"
    assert cli("jobs", "nothing").returncode == 2


def test_a_draining_server_takes_no_jobs(cli: Cli) -> None:
    assert cli("drain").returncode == 0
    assert cli.json("status")["state"] == "draining"
    result = cli("compile", cli.model("key drained\n"), "-o", "out")
    assert result.returncode == 3
    assert cli.address in result.stderr
