"""Compilers of other projects that take our text and give us theirs: torch-mlir and IREE.

They live in a folder of their own, which they see and nothing else does.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daemon import ROOT

FOLDER = ROOT / os.environ.get("LINALGD_BUILD", "build") / "peers"
PINS = ROOT / "deploy" / "peers.txt"
INSTALL_SECONDS = 600
RUN_SECONDS = 300


class Peers:
    """The installed peers; `run` calls their programs."""

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs `program` (torch-mlir-opt, iree-compile, python) among the peers."""
        is_python = program == "python"
        command = [sys.executable] if is_python else [sys.executable, str(FOLDER / "bin" / program)]
        return subprocess.run(
            [*command, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(FOLDER)},
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )

    def accept(self, program: str, *arguments: str | Path) -> str:
        """The same, with an assertion that it succeeds; its standard output."""
        done = self.run(program, *arguments)
        assert done.returncode == 0, f"{program} refuses: {done.stderr[:2000]}"
        return done.stdout


def install() -> Peers:
    """The peers of deploy/peers.txt, installed unless they are there; skips the test where they cannot be."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    stamp = FOLDER / "pins"
    with (FOLDER.parent / "peers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == PINS.read_text():
            return Peers()
        shutil.rmtree(FOLDER, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--target", str(FOLDER), "-r", str(PINS)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
            problem = done.stderr if done.returncode else ""
        except subprocess.TimeoutExpired:
            problem = f"pip does not end within {INSTALL_SECONDS} s"
        if problem:
            shutil.rmtree(FOLDER, ignore_errors=True)
            last = problem.strip().splitlines()[-1:]
            pytest.skip(f"the peers of deploy/peers.txt cannot be installed: {' '.join(last)}")
        stamp.write_text(PINS.read_text())
    return Peers()
