"""What TorchScript modules are called with: structures, values and sizes, against eager PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import linalgd

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


class Structured(nn.Module):
    def forward(
        self,
        images: list[Tensor],
        pair: tuple[Tensor, Optional[int]],  # noqa: UP045 (TorchScript)
        options: dict[str, Tensor],
        mask: Optional[Tensor] = None,  # noqa: UP045
        scale: float = 2.0,
        times: int = 3,
        mode: str = "plus",
    ) -> tuple[dict[str, Tensor], list[Tensor], Optional[int]]:  # noqa: UP045
        y = images[0] * scale + images[1] + pair[0] * times
        y = y + options["bias"] if mode == "plus" else y - options["bias"]
        if mask is not None:
            y = y * mask
        return {"y": y, "gain": options["gain"] * y}, [images[0], y], pair[1]


X, Y, BIAS, GAIN = torch.randn(2, 3), torch.randn(2, 3), torch.randn(3), torch.randn(())
OPTIONS = {"gain": GAIN, "bias": BIAS}


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (([X, Y], (X, 7), OPTIONS), {}),
        (([X, Y], (X, None), OPTIONS, None, 0.5), {"mode": "minus"}),
        (([X, Y],), {"options": OPTIONS, "mask": Y, "pair": (Y, 1), "times": -1}),
    ],
)
def test_structures(client: linalgd.Client, args: Any, kwargs: Any) -> None:
    scripted = torch.jit.script(Structured())
    compiled = client.compile(scripted, args, kwargs)
    torch.testing.assert_close(compiled(*args, **kwargs), scripted(*args, **kwargs))
    if "times" in kwargs:
        with pytest.raises(linalgd.InputError, match="'times' was fixed to -1"):
            compiled(*args, **{**kwargs, "times": 2})


class Number(NamedTuple):
    value: Tensor
    flag: bool


class Scalars(nn.Module):
    def forward(self, x: Tensor, times: int, scale: float, negate: bool, number: Number) -> Tensor:
        y = x * times + scale * number.value
        return -y if negate else y


def test_numbers_that_each_call_gives(client: linalgd.Client) -> None:
    scripted = torch.jit.script(Scalars())
    varies = ({0: "n"}, "times", "scale", "negate", None)
    compiled = client.compile(scripted, (X, 1, 0.5, False, Number(GAIN, True)), dynamic_shapes=varies)
    assert [spec.kind for spec in compiled.inputs] == ["tensor", "int", "float", "bool", "tensor", "constant"]
    for args in ((torch.randn(5, 3), 4, -2.5, True), (X, -1, 0.0, False)):
        call = (*args, Number(GAIN, True))
        torch.testing.assert_close(compiled(*call), scripted(*call))
    with pytest.raises(linalgd.InputError, match="must be int, not float"):
        compiled(X, 1.5, 0.5, False, Number(GAIN, True))


def test_sizes_of_one_name_are_equal(client: linalgd.Client, tmp_path: Path) -> None:
    class Adds(nn.Module):
        def forward(self, pair: list[Tensor]) -> Tensor:
            return pair[0] + pair[1]

    path = tmp_path / "adds.pt"
    scripted = torch.jit.script(Adds())
    torch.jit.save(scripted, path)
    spec = linalgd.TensorSpec(dtype="float32", shape=("n", 4))
    compiled = client.compile(path, ([spec, spec],))
    assert [entry.shape for entry in compiled.inputs] == [("s0", 4), ("s0", 4)]
    x = torch.randn(6, 4)
    torch.testing.assert_close(compiled([x, x]), scripted([x, x]))
    with pytest.raises(linalgd.LinalgdError, match=r"pair\[1\]"):
        compiled([x, torch.randn(1, 4)])
    alone = client.compile(path, ([np.ones((1, 4), np.float32)] * 2,), dynamic_shapes=([{0: ""}, {0: ""}],))
    assert [entry.shape for entry in alone.inputs] == [("s0", 4), ("s1", 4)]


def test_key_knows_the_inputs(client: linalgd.Client) -> None:
    scripted = torch.jit.script(Structured())

    def key(*args: Any, **kwargs: Any) -> str:
        return client.submit(scripted, args, kwargs, emit="torch").result(timeout=60).key

    plain = key([X, Y], (X, 7), OPTIONS)
    assert plain == key([Y, X], (Y, 7), OPTIONS)
    assert plain != key([X, Y], (X, 8), OPTIONS)
    assert plain != key([X, Y], (X, 7), options=OPTIONS)
