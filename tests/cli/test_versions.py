"""Every binary says what it is."""

from __future__ import annotations

import re
import subprocess

import pytest

from daemon import ROOT, binary


def version() -> str:
    found = re.search(r"project\(\s*\w+\s+VERSION\s+([\d.]+)", (ROOT / "CMakeLists.txt").read_text())
    assert found
    return found[1]


@pytest.mark.parametrize("name", ["linalgd", "linalgd-worker", "linalgc", "linalgd-opt", "linalgd-compile"])
def test_version(name: str) -> None:
    done = subprocess.run([binary(name), "--version"], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.startswith(f"{name} {version()}")
    assert done.stderr == ""
