"""Client of linalgd, a compile service for PyTorch on MLIR.

    client = linalgd.Client("localhost:8470")
    print(client.submit(model, args=(x,)).result().text())   # linalg IR
    f = client.compile(model, args=(x,))                      # an Executable
    y = f(x)

``linalgd.load("model.so")`` runs a saved executable; it needs neither a server nor PyTorch.
Importing this package imports neither PyTorch nor gRPC nor numpy: each is loaded when it is first
needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from linalgd.errors import (
    CaptureError,
    CompileError,
    Diagnostic,
    ExecutionError,
    InputError,
    JobCancelled,
    JobTimeout,
    LinalgdError,
    ServerError,
    ServerUnavailable,
    SourceLocation,
)

if TYPE_CHECKING:
    from linalgd.artifact import Artifact, ArtifactFile, WeightBinding
    from linalgd.client import Client, ServerInfo, Stats
    from linalgd.executable import Executable, TensorSpec, load
    from linalgd.job import Event, Job, JobStatus, StageTiming
    from linalgd.keys import KeyReport
    from linalgd.report import Report

__version__ = "0.1.0"

__all__ = [
    "Artifact",
    "ArtifactFile",
    "CaptureError",
    "Client",
    "CompileError",
    "Diagnostic",
    "Event",
    "Executable",
    "ExecutionError",
    "InputError",
    "Job",
    "JobCancelled",
    "JobStatus",
    "JobTimeout",
    "KeyReport",
    "LinalgdError",
    "Report",
    "ServerError",
    "ServerInfo",
    "ServerUnavailable",
    "SourceLocation",
    "StageTiming",
    "Stats",
    "TensorSpec",
    "WeightBinding",
    "__version__",
    "load",
]

_HOMES = {
    "Artifact": "artifact",
    "ArtifactFile": "artifact",
    "WeightBinding": "artifact",
    "Client": "client",
    "ServerInfo": "client",
    "Stats": "client",
    "Executable": "executable",
    "TensorSpec": "executable",
    "load": "executable",
    "Event": "job",
    "Job": "job",
    "JobStatus": "job",
    "StageTiming": "job",
    "KeyReport": "keys",
    "Report": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'linalgd' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"linalgd.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
