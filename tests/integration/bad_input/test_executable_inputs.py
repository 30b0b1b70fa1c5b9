"""Inputs that an executable does not take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bad_input.checks import linalgc
from stubs import DEADLINE
from torch import nn

import linalgd
from daemon import Daemon


class Two(nn.Module):
    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """(batch, 4) float32 and (batch,) int64 to (batch, 4)."""
        return x * scale[:, None]


@pytest.fixture(scope="module")
def executable(daemon: Daemon, folder: Path) -> Path:
    batch = torch.export.Dim("batch", min=2, max=8)
    inputs = (torch.ones(3, 4), torch.arange(3))
    program = torch.export.export(Two(), inputs, dynamic_shapes=({0: batch}, {0: batch}))
    with linalgd.Client(daemon.address) as client:
        artifact = client.submit(program, emit="executable").result(timeout=DEADLINE)
        return artifact.save(folder / "two.so")


def x(batch: int = 3, width: int = 4, dtype: str = "float32") -> Any:
    return np.ones((batch, width), dtype)


def scale(batch: int = 3, dtype: str = "int64") -> Any:
    return np.arange(batch, dtype=dtype)


INPUTS: dict[str, tuple[list[Any], str]] = {
    "dtype": ([x(dtype="float64"), scale()], r"'x' .*float32.* float64"),
    "dtype of the second": ([x(), scale(dtype="int32")], r"'scale' .*int64.* int32"),
    "rank": ([np.ones(4, np.float32), scale()], r"'x' must have 2 dimensions, not 1"),
    "size": ([x(width=5), scale()], r"dimension 1 of input 'x' must be 4, not 5"),
    "sizes that differ": ([x(3), scale(4)], r"'scale' .*s0"),
    "below the range": ([x(1), scale(1)], r"dimension 0 of input 'x' \(s0\) must be at least 2, not 1"),
    "beyond the range": ([x(9), scale(9)], r"dimension 0 of input 'x' \(s0\) must be at most 8, not 9"),
    "nothing": ([x(0), scale(0)], r"dimension 0 of input 'x' \(s0\) must be at least 2, not 0"),
    "too many": (
        [x(), scale(), scale()],
        r"3 positional inputs given, but the model was exported with 2|takes 2 inputs only",
    ),
    "too few": ([x()], r"1 positional inputs given, but the model was exported with 2|no --input for 'scale"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_that_do_not_fit(daemon: Daemon, executable: Path, tmp_path: Path, name: str) -> None:
    values, pattern = INPUTS[name]
    loaded = linalgd.load(executable)
    for given in (values, [torch.from_numpy(value) for value in values]):
        with pytest.raises(linalgd.InputError, match=pattern):
            loaded(*given)
    np.testing.assert_array_equal(loaded(x(), scale()), x() * scale()[:, None])

    arguments: list[Any] = []
    for index, value in enumerate(values):
        np.save(tmp_path / f"{index}.npy", value)
        arguments += ["--input", tmp_path / f"{index}.npy"]
    done = linalgc(daemon, "run", executable, *arguments, "--output-dir", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert re.search(r"^linalgc: error: .*(" + pattern + ")", done.stderr), done.stderr
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_inputs(daemon: Daemon, executable: Path, tmp_path: Path) -> None:
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object))
    (tmp_path / "broken.so").write_bytes(executable.read_bytes()[:5000])
    for file in ("text.npy", "pickle.npy", "absent.npy"):
        done = linalgc(daemon, "run", executable, "--input", tmp_path / file, "--input", "random")
        assert (done.returncode, file in done.stderr) == (2, True), done.stderr
    done = linalgc(daemon, "run", tmp_path / "broken.so")
    assert done.returncode in (1, 2)
    assert "broken.so" in done.stderr
    with pytest.raises(linalgd.ExecutionError, match=r"broken\.so"):
        linalgd.load(tmp_path / "broken.so")
