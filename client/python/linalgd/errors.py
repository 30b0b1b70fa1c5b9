"""Everything that linalgd raises, and the diagnostics that compile errors carry.

::

    LinalgdError                 .code: a canonical code, "INVALID_ARGUMENT"
    ├── CompileError             .diagnostics; the model cannot be compiled
    │   └── CaptureError         PyTorch could not export the nn.Module
    ├── InputError               an argument of this package is wrong (also a ValueError)
    ├── JobCancelled             somebody cancelled the job
    ├── JobTimeout               the result did not come in time (also a TimeoutError)
    ├── ServerError              the server answered with an error; .code says which
    │   └── ServerUnavailable    no server answers, or it drains
    └── ExecutionError           an executable could not be loaded or run
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SourceLocation:
    """A place in the Python source that the model was exported from, or in its MLIR text.

    Attributes:
        file: path, as the exporter saw it.
        line: 1-based; 0 where unknown.
        function: name of the enclosing function.
        module: path of the nn.Module, "layer1.0.conv1".
        column: 1-based; 0 where unknown.
    """

    file: str
    line: int
    function: str = ""
    module: str = ""
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True)
class Diagnostic:
    """One finding of the compiler.

    Attributes:
        severity: "error", "warning" or "note".
        code: stable and machine-readable, "unsupported-op".
        message: one sentence.
        op: the op concerned, "torch.aten.foo", or "".
        node: id of the node in the canonical graph, or "".
        location: where in the user's Python the node comes from, where known.
        hint: what to do about it, or "".
    """

    severity: str
    code: str
    message: str
    op: str = ""
    node: str = ""
    location: SourceLocation | None = None
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location and str(self.location) else ""
        text = f"{place}{self.severity}: {self.message}"
        if self.code:
            text += f" [{self.code}]"
        details = []
        if self.op and self.op not in self.message:
            details.append(f"op {self.op}")
        if self.location and self.location.module:
            details.append(f"in module {self.location.module}")
        if details:
            text += f" ({', '.join(details)})"
        if self.hint:
            text += f"\n    hint: {self.hint}"
        return text


class LinalgdError(Exception):
    """The base of all errors of this package.

    Attributes:
        code: a canonical code's name, as gRPC spells it: "INVALID_ARGUMENT".
    """

    code: str = "UNKNOWN"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class CompileError(LinalgdError):
    """The job failed.

    Attributes:
        code: why, as a canonical code: "UNIMPLEMENTED" (linalgd cannot compile something yet),
            "INVALID_ARGUMENT" (the model or an option is wrong), "DEADLINE_EXCEEDED", …
        message: one sentence.
        diagnostics: everything that was found, in the order of the model.
        job_id: the job that failed, or "".
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "UNKNOWN",
        diagnostics: Sequence[Diagnostic] = (),
        job_id: str = "",
    ) -> None:
        super().__init__(message, code=code)
        self.message = message
        self.diagnostics = list(diagnostics)
        self.job_id = job_id

    def __str__(self) -> str:
        lines = [f"{self.message} ({self.code})"]
        lines += [f"  {diagnostic}" for diagnostic in self.diagnostics]
        return "\n".join(lines)


class CaptureError(CompileError):
    """PyTorch could not export the module; `__cause__` is PyTorch's own error."""


class InputError(LinalgdError, ValueError):
    """An argument does not fit: of submit, or of an executable's signature."""

    code = "INVALID_ARGUMENT"


class JobCancelled(LinalgdError):
    """The job was cancelled before it ended."""

    code = "CANCELLED"


class JobTimeout(LinalgdError, TimeoutError):
    """The result did not arrive in time. The job goes on; ask for its result again or cancel it."""

    code = "DEADLINE_EXCEEDED"


class ServerError(LinalgdError):
    """The server refused a request."""


class ServerUnavailable(ServerError):
    """No server answers at the address, or it takes no more jobs."""

    code = "UNAVAILABLE"


class ExecutionError(LinalgdError):
    """An executable cannot be loaded here, or the model failed while it ran."""

    code = "FAILED_PRECONDITION"
