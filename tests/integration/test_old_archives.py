"""Archives that older versions of PyTorch wrote, compiled and run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

import linalgd

TESTDATA = Path(__file__).resolve().parents[2] / "compiler" / "import" / "testdata"


def make_model() -> Any:
    """The model of the archives, with their weights: the script that wrote them seeds it."""
    spec = importlib.util.spec_from_file_location("make_old_fixture", TESTDATA / "make_old_fixture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    return module.Old().eval()


@pytest.mark.parametrize("path", sorted(TESTDATA.glob("old_*.pt2")), ids=lambda path: path.stem)
def test_numbers(client: linalgd.Client, path: Path) -> None:
    model, compiled = make_model(), client.compile(path)
    for batch in (2, 5):
        x = torch.randn(batch, 4)
        with torch.no_grad():
            expected = model(x, False)
        found = compiled(x, False)
        assert found["n"] == expected["n"] == 2 * batch + 1
        torch.testing.assert_close(found["y"], expected["y"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(torch.from_numpy(compiled.state["mean"]), model.mean)
    with pytest.raises(linalgd.InputError, match="must be at most 64, not 65"):
        compiled(torch.ones(65, 4), False)


def test_versions_differ() -> None:
    assert len(list(TESTDATA.glob("old_*.pt2"))) >= 5
