"""Archives that hold several models."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.export import export
from torch.export.pt2_archive._package import package_pt2

import linalgd
from daemon import Daemon, binary


@pytest.fixture
def models() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    return {"wide": torch.nn.Linear(4, 7), "narrow": torch.nn.Linear(4, 2)}


@pytest.fixture
def archive(models: dict[str, torch.nn.Module], tmp_path: Path) -> Path:
    x = torch.ones(2, 4)
    path = tmp_path / "several.pt2"
    package_pt2(path, exported_programs={name: export(model, (x,)) for name, model in models.items()})
    return path


def refusal(client: linalgd.Client, model: Path | str, **options: Any) -> str:
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(model, **options).result(timeout=60)
    assert caught.value.code == "INVALID_ARGUMENT"
    return caught.value.message


def test_choice(client: linalgd.Client, archive: Path, models: dict[str, torch.nn.Module]) -> None:
    x = torch.randn(2, 4)
    for name, model in models.items():
        compiled = client.compile(archive, model_name=name)
        torch.testing.assert_close(compiled(x), model(x))
    assert "holds 2 models; choose one" in refusal(client, archive)
    assert refusal(client, archive).endswith(": 'narrow', 'wide'")
    expected = "the archive holds no model 'tall', but 'narrow', 'wide'"
    assert refusal(client, archive, model_name="tall") == expected


def test_key_is_of_the_graph(
    client: linalgd.Client, archive: Path, models: dict[str, torch.nn.Module], tmp_path: Path
) -> None:
    alone = tmp_path / "alone.pt2"
    torch.export.save(export(models["wide"], (torch.ones(2, 4),)), alone)
    several = client.submit(archive, model_name="wide").result()
    assert client.submit(alone).result().key == several.key
    assert client.submit(alone, model_name="model").result().key == several.key
    assert client.submit(archive, model_name="narrow").result().key != several.key
    assert refusal(client, alone, model_name="wide") == "the archive holds no model 'wide', but 'model'"
    explained = client.explain_key(archive, model_name="wide")
    assert explained.compare(client.explain_key(alone)).equal
    assert "wide" not in str([component.lines for component in explained.components])


def test_command_line(daemon: Daemon, archive: Path, tmp_path: Path) -> None:
    command = [str(binary("linalgc")), "--server", daemon.address, "compile", str(archive)]
    command += ["-o", str(tmp_path / "x.mlir")]
    done = subprocess.run([*command, "--model", "narrow"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "tensor<2x2xf32>" in (tmp_path / "x.mlir").read_text()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "'narrow', 'wide'" in done.stderr


def test_other_formats_have_no_names(client: linalgd.Client, tmp_path: Path) -> None:
    text = "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n  return %x : tensor<2xf32>\n}"
    script = tmp_path / "script.pt"
    torch.jit.script(torch.nn.ReLU()).save(script)
    for model in (text, script):
        assert "only torch.export archives hold models by name" in refusal(client, model, model_name="wide")
