"""A real linalgd for tests: always on a free loopback port, always ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60.0
STOP_SECONDS = 30.0


def binary(name: str) -> Path:
    """A binary of the build in build/, or of the build folder $LINALGD_BUILD."""
    path = ROOT / os.environ.get("LINALGD_BUILD", "build") / "bin" / name
    assert path.exists(), f"{path} is not built: cmake --preset release && ninja -C build {name}"
    return path


class Daemon:
    """A running server, stopped at the end of a `with`.

    Attributes:
        address: where it listens.
        metrics: where its HTTP endpoint listens.
        process: the daemon.
        log: the file that its stderr goes to.
    """

    def __init__(self, folder: Path, *flags: str) -> None:
        """Starts it and waits until it is ready.

        Args:
            folder: holds its store and its log; may be that of an earlier daemon.
            *flags: more command-line flags.
        """
        self.log = folder / "linalgd.log"
        command = [str(binary("linalgd")), "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]
        command += ["--store", str(folder / "store"), *flags]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LINALGD_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
            )
        killer = threading.Timer(START_SECONDS, self.process.kill)
        killer.start()
        try:
            self.metrics = self._expect("metrics on")
            self.address = self._expect("listening on")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            killer.cancel()

    def _expect(self, what: str) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.fullmatch(rf"{what} (\S+)\n", line)
        assert found, f"the daemon printed {line!r}; its log:\n{self.log.read_text()}"
        return found[1]

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and waits for the end; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()
