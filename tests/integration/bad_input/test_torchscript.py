"""TorchScript that does not load, does not end, or does not go with its inputs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Optional

import pytest
import torch
from archives import pack
from bad_input.checks import rejected
from stubs import DEADLINE
from torch import nn

import linalgd


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.linear(x))


class Remembers(nn.Module):
    """Runs code when it is loaded."""

    def __init__(self, size: int, steps: int) -> None:
        super().__init__()
        self.size, self.steps = size, steps

    @torch.jit.export  # type: ignore[untyped-decorator]
    def __getstate__(self) -> tuple[int, int, bool]:
        return self.size, self.steps, self.training

    @torch.jit.export  # type: ignore[untyped-decorator]
    def __setstate__(self, state: tuple[int, int, bool]) -> None:
        self.size, self.steps, self.training = state
        step = 0
        memory = torch.ones(1)
        while step < self.steps:
            step += 1
            memory = torch.ones(self.size)
        assert memory.sum() > 0, "there is nothing to remember"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


class Hoards(nn.Module):
    """Asks for a bit more memory and a bit more, when it is loaded."""

    @torch.jit.export  # type: ignore[untyped-decorator]
    def __getstate__(self) -> bool:
        return self.training

    @torch.jit.export  # type: ignore[untyped-decorator]
    def __setstate__(self, state: bool) -> None:
        self.training = state
        memory = [torch.ones(1 << 20)]
        while len(memory) > 0:  # or else libtorch finds that nobody needs it
            memory.append(torch.empty(1 << 22))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


X = torch.ones(3, 4)


def script(size: int, steps: int, path: Path) -> Path:
    torch.jit.save(torch.jit.script(Remembers(size, steps)), path)
    return path


def torchscript(**entries: bytes) -> bytes:
    """A traced module, some of whose entries are others."""
    import io

    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(Plain(), X), buffer)
    with zipfile.ZipFile(buffer) as archive:
        found = {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}
    (code,) = (name for name, data in found.items() if b"class Plain(Module)" in data)
    named = {"code": code, "data": "data.pkl", "constants": "constants.pkl", "version": ".data/version"}
    named = {key: name if name in found else "version" for key, name in named.items()}
    return pack(found | {named[key]: data for key, data in entries.items()})


UNLOADABLE = "not a TorchScript file that libtorch can load"


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("damage", "pattern"),
    [
        ({}, None),
        ({"code": b"class Plain(Module):\n  def forward(self: nonsense"}, UNLOADABLE),
        ({"code": b"\xff\xfe\x00"}, UNLOADABLE),
        ({"data": b"\x80\x02cos\nsystem\nU\x02id\x85R."}, r"'data\.pkl': .* does not read at byte 14"),
        ({"data": b""}, r"'data\.pkl': the pickle cannot be read: it is truncated"),
        ({"constants": b"\xff" * 100}, r"'constants\.pkl': .* does not read at byte 1"),
        ({"version": b"999999"}, UNLOADABLE),
    ],
)
def test_torchscript_that_does_not_load(
    client: linalgd.Client, tmp_path: Path, damage: dict[str, bytes], pattern: str | None
) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(torchscript(**damage))
    if pattern is None:
        assert "torch.aten.linear" in client.submit(path, (X,), emit="torch").result(timeout=DEADLINE).text()
    else:
        rejected(client, path, pattern, args=(X,))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_torchscript_that_raises(client: linalgd.Client, tmp_path: Path) -> None:
    rejected(client, script(0, 1, tmp_path / "raises.pt"), "there is nothing to remember", args=(X,))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("worker_restarts", [1])
def test_torchscript_that_needs_too_much_memory(client: linalgd.Client, tmp_path: Path) -> None:
    path = script(1 << 30, 1, tmp_path / "large.pt")
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(path, args=(X,)).result(timeout=DEADLINE)
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    assert caught.value.diagnostics[-1].code == "worker-memory"


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("worker_restarts", [1])
def test_torchscript_that_hoards_memory(client: linalgd.Client, good: Path, tmp_path: Path) -> None:
    path = tmp_path / "hoards.pt"
    torch.jit.save(torch.jit.script(Hoards()), path)
    job = client.submit(path, args=(X,))
    # Meanwhile, others are served.
    assert client.submit(good, entry="beside").result(timeout=DEADLINE).text()
    with pytest.raises(linalgd.CompileError) as caught:
        job.result(timeout=DEADLINE)
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    assert caught.value.diagnostics[-1].code == "worker-memory"


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("worker_restarts", [1])
def test_torchscript_that_does_not_end(client: linalgd.Client, good: Path, tmp_path: Path) -> None:
    path = script(1, 1 << 60, tmp_path / "endless.pt")
    job = client.submit(path, args=(X,), timeout=1.5)
    # Meanwhile, others are served.
    assert client.submit(good, entry="meanwhile").result(timeout=DEADLINE).text()
    with pytest.raises(linalgd.CompileError) as caught:
        job.result(timeout=DEADLINE)
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert caught.value.diagnostics[-1].code == "worker-timeout"


class Structured(nn.Module):
    def forward(
        self,
        images: list[torch.Tensor],
        options: dict[str, torch.Tensor],
        mask: Optional[torch.Tensor] = None,  # noqa: UP045 (TorchScript)
        scale: float = 1.0,
    ) -> torch.Tensor:
        y = images[0] * options["gain"] * scale
        return y if mask is None else y * mask


TAKES = (
    r"the module's forward takes images \(List\[Tensor\]\), options \(Dict\[str, Tensor\]\), "
    r"mask \(Optional\[Tensor\], may be left out\), scale \(float, may be left out\), and the request gives "
)
GAIN = {"gain": X}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("args", "kwargs", "pattern"),
    [
        ((), {}, rf"argument 'images' is missing; {TAKES}nothing"),
        (([X],), {}, rf"argument 'options' is missing; {TAKES}\[float32\[3,4\]\]"),
        (([X], GAIN, None, 1.0, X), {}, rf"more than 4 positional arguments; {TAKES}"),
        (([X], GAIN), {"masks": X}, rf"no argument 'masks'; {TAKES}"),
        (([X], GAIN), {"images": [X]}, rf"argument 'images' is given twice; {TAKES}"),
        ((X, GAIN), {}, r"'images' is List\[Tensor\] in .* gives a tensor float32\[3,4\]"),
        (([X, 3], GAIN), {}, r"'images\[1\]' is Tensor in .* gives the value 3"),
        (([X], {"gain": [X]}), {}, r"'options\['gain'\]' is Tensor in .* gives a list"),
        (([X], GAIN), {"scale": "big"}, r"'scale' is float in .* gives the value 'big'"),
        (([X], GAIN), {"scale": linalgd.TensorSpec(kind="int")}, r"'scale' is float in .* gives an int"),
        (([X], GAIN), {"mask": (X,)}, r"'mask' is Tensor in .* gives a tuple"),
    ],
)
def test_inputs_that_torchscript_does_not_take(
    client: linalgd.Client, tmp_path: Path, args: Any, kwargs: Any, pattern: str
) -> None:
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.script(Structured()), path)
    rejected(client, path, pattern, args=args, kwargs=kwargs)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_sizes_that_torchscript_does_not_take(client: linalgd.Client, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(torchscript())
    pattern = "the weight does not go with the input's last dimension"
    rejected(client, path, pattern, kept=1, args=(torch.ones(3, 5),))


class Attends(nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=mask)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_shapes_that_do_not_go_together(client: linalgd.Client, tmp_path: Path) -> None:
    """TorchScript has no shapes: those of the request may be wrong, in the middle of the model too."""
    path = tmp_path / "model.pt"
    x = torch.ones(2, 3, 5, 4)
    torch.jit.save(torch.jit.trace(Attends(), (x, torch.zeros(5, 5))), path)
    assert client.submit(path, (x, torch.zeros(3, 1, 5))).result(timeout=DEADLINE).text()
    for mask in (torch.zeros(5, 4), torch.zeros(4, 1, 1)):
        rejected(client, path, "query, key, value and mask do not go together", kept=1, args=(x, mask))

    torch.jit.save(torch.jit.trace(nn.LayerNorm(4), (x,)), path)
    with pytest.raises(
        linalgd.CompileError, match=r"normalizes \[4\], which an input of sizes \[3, 5\]"
    ) as caught:
        client.submit(path, (torch.ones(3, 5),)).result(timeout=DEADLINE)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert {found.code for found in caught.value.diagnostics} == {"invalid-model"}
