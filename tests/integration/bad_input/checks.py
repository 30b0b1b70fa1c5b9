"""What the tests of bad input ask of a server."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from stubs import DEADLINE

import linalgd
from daemon import Daemon, binary


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in (folder / "store" / "temporary").iterdir()]


def linalgc(daemon: Daemon, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [str(binary("linalgc")), "--server", daemon.address, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def rejected(
    client: linalgd.Client, model: Path, pattern: str, *, kept: int = 0, **options: Any
) -> linalgd.CompileError:
    """The error of a model that cannot be read: it names the reason and place, and leaves nothing.

    Args:
        client: of the server.
        model: the file.
        pattern: what the message says.
        kept: how many stages succeed before, whose artifacts stay.
        options: of the submit.
    """
    before = client.stats().artifacts
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(model, **options).result(timeout=DEADLINE)
    error = caught.value
    assert re.search(pattern, error.message), error.message
    assert len(error.message) < 1000
    assert error.code in ("INVALID_ARGUMENT", "UNIMPLEMENTED")
    kind = "invalid-model" if error.code == "INVALID_ARGUMENT" else "unsupported-model"
    assert error.diagnostics[0].code == kind
    assert client.stats().artifacts == before + kept
    return error
