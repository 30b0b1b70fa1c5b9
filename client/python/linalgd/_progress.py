"""What `result(progress=True)` shows on stderr."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linalgd.job import Event

_REFRESH_SECONDS = 0.2
_CLEAR_LINE = "\r\x1b[K"


class Progress:
    """One live line on a terminal, which is cleared at the end; plain lines elsewhere."""

    def __init__(self, job_id: str) -> None:
        self._name = f"linalgd {job_id[:8]}"
        self._stream = sys.stderr
        self._step = "queued"
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None
        if self._stream.isatty():
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()

    def show(self, event: Event) -> None:
        """Takes notice of an event."""
        text = ""
        if event.kind == "stage-started":
            self._step = event.stage
        elif event.kind == "stage-finished":
            text = f"{event.stage} {event.seconds:.3f} s"
        elif event.status is not None:
            self._step = event.status.step or event.status.state.lower()
            if event.status.done:
                text = f"{event.status.state.lower()} after {self._elapsed():.1f} s"
        if text and self._ticker is None:
            print(f"{self._name}: {text}", file=self._stream, flush=True)

    def close(self) -> None:
        """Ends the display."""
        self._ended.set()
        if self._ticker is not None:
            self._ticker.join()
            self._stream.write(_CLEAR_LINE)
            self._stream.flush()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _tick(self) -> None:
        while not self._ended.wait(_REFRESH_SECONDS):
            line = f"{self._name}: {self._step} … {self._elapsed():.1f} s"
            self._stream.write(_CLEAR_LINE + line)
            self._stream.flush()
