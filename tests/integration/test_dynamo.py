"""torch.compile(..., backend="linalgd") against eager PyTorch, through a real server."""

from __future__ import annotations

import copy
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import linalgd
from daemon import Daemon

PYTHON_CLIENT = Path(__file__).resolve().parents[2] / "client" / "python"


@pytest.fixture(autouse=True)
def fresh(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The server of the tests for whoever names none, and no graphs of other tests."""
    monkeypatch.setenv("LINALGD_ADDRESS", daemon.address)
    torch.manual_seed(0)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled(model: Any, **options: Any) -> Any:
    return torch.compile(model, backend="linalgd", options=options or None)


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 5))


class Transformer(nn.Module):
    """Two layers, over tokens."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout, batch_first=True)
        self.embedding = nn.Embedding(50, 32, padding_idx=0)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 50)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        hidden = self.layers(self.embedding(tokens), mask=mask, is_causal=True)
        made: torch.Tensor = self.head(hidden).flatten(0, 1)
        return made


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, dilation=2, padding=1),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_gradients_of_convolutions(kind: Any, groups: int) -> None:
    model = kind(4, 6, (3, 2), stride=(2, 1), padding=1, dilation=(1, 2), groups=groups)
    x = torch.randn(2, 4, 9, 7, requires_grad=True)
    results = []
    for call in (model, compiled(model)):
        made = call(x)
        found = torch.autograd.grad((made * made.detach().cos()).sum(), [x, *model.parameters()])
        results.append([made, *found])
    for want, got in zip(*results, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def train(
    model: nn.Module, call: Any, batches: list[tuple[torch.Tensor, torch.Tensor]], optimizer: Any
) -> list[float]:
    """The losses; `call` runs `model`."""
    step = optimizer(model.parameters())
    losses = []
    for x, y in batches:
        loss = nn.functional.cross_entropy(call(x), y)
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    return losses


def adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=3e-3)


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


TRAININGS: dict[str, tuple[Callable[[], nn.Module], Any, Callable[[], tuple[torch.Tensor, torch.Tensor]]]] = {
    "mlp-sgd": (mlp, sgd, lambda: (torch.randn(16, 8), torch.randint(0, 5, (16,)))),
    "transformer-adam": (
        Transformer,
        adam,
        lambda: (torch.randint(0, 50, (3, 7)), torch.randint(0, 50, (21,))),
    ),
    "convolutions-sgd": (convolutions, sgd, lambda: (torch.randn(4, 3, 17, 16), torch.randint(0, 5, (4,)))),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_training_follows_eager(client: linalgd.Client, name: str) -> None:
    make, optimizer, batch = TRAININGS[name]
    eager = make()
    model = copy.deepcopy(eager)
    batches = [batch() for _ in range(20)]
    before = client.stats().jobs_submitted
    losses = train(model, compiled(model), batches, optimizer)
    expected = train(eager, eager, batches, optimizer)
    assert losses == pytest.approx(expected, rel=1e-4)
    for value, other in zip(model.buffers(), eager.buffers(), strict=True):
        torch.testing.assert_close(value, other, rtol=1e-3, atol=1e-5)
    # One graph forward and one backward, whatever the weights.
    assert client.stats().jobs_submitted - before == 2


def test_documented_example() -> None:
    text = (PYTHON_CLIENT.parents[1] / "docs" / "torch-compile.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    values: dict[str, Any] = {}
    exec(compile(code, "docs/torch-compile.md", "exec"), values)
    assert values["loss"].requires_grad


def test_inference_with_dynamic_shapes(client: linalgd.Client) -> None:
    model = Transformer().eval()
    call = compiled(model)
    before = client.stats().jobs_submitted
    with torch.no_grad():
        for batch, length in ((2, 7), (3, 9), (4, 5), (2, 7), (6, 11)):
            tokens = torch.randint(0, 50, (batch, length))
            torch.testing.assert_close(call(tokens), model(tokens), rtol=1e-4, atol=1e-5)
    # The first sizes, then any.
    assert client.stats().jobs_submitted - before == 2


def test_training_with_dynamic_shapes() -> None:
    eager = mlp()
    model = copy.deepcopy(eager)
    batches = [(torch.randn(n, 8), torch.randint(0, 5, (n,))) for n in (4, 7, 9, 4, 30)]
    losses = train(model, compiled(model), batches, sgd)
    assert losses == pytest.approx(train(eager, eager, batches, sgd), rel=1e-4)


def test_random_numbers_are_pytorchs() -> None:
    model = nn.Sequential(nn.Linear(8, 400), nn.Dropout(0.25))
    call = compiled(model)
    x = torch.randn(100, 8, requires_grad=True)
    torch.manual_seed(7)
    first = call(x)
    torch.manual_seed(7)
    assert torch.equal(call(x), first)
    assert not torch.equal(call(x), first)
    kept = first != 0
    assert 0.73 < kept.float().mean().item() < 0.77
    torch.testing.assert_close(first[kept], (model[0](x) / 0.75)[kept])
    first.sum().backward()
    expected = (kept.float() / 0.75) @ model[0].weight
    torch.testing.assert_close(x.grad, expected.detach(), rtol=1e-4, atol=1e-5)


def test_graph_breaks_views_and_layouts() -> None:
    def function(x: torch.Tensor, scale: float) -> Any:
        y = (x * scale).permute(0, 2, 1)
        torch._dynamo.graph_break()
        x.add_(1)
        return {"view": y[:, 0], "all": y, "sizes": (y.shape[0], None), "in": x}

    call = compiled(function)
    for size in (3, 4, 5):
        x = torch.randn(size, 4, 6)
        other = x.clone()
        got, want = call(x, 2.0), function(other, 2.0)
        assert got["in"] is x
        assert got["sizes"] == want["sizes"]
        for name in ("view", "all", "in"):
            torch.testing.assert_close(got[name], want[name])
            assert got[name].stride() == want[name].stride()


def test_constants_of_a_graph() -> None:
    table = torch.arange(4.0)

    def function(x: torch.Tensor, count: int, flag: bool) -> Any:
        y = x * torch.tensor([1.0, 2.0, 3.0, 4.0]) + table * count
        return (y, y.shape[0] * 2, count) if flag else y

    call = compiled(function)
    for count in (3, 4, 5):
        x = torch.randn(count, 4)
        got, want = call(x, count, True), function(x, count, True)
        torch.testing.assert_close(got[0], want[0])
        assert got[1:] == want[1:]


def test_strides_over_memory() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return (x * 2).as_strided((3, 2), (2, 1), 1).sin()

    x = torch.randn(2, 4, requires_grad=True)
    call = compiled(function)
    torch.testing.assert_close(call(x), function(x))
    got, want = (torch.autograd.grad(f(x).sum(), x)[0] for f in (call, function))
    torch.testing.assert_close(got, want)
    torch._dynamo.reset()
    with pytest.raises(Exception, match="make it contiguous"):
        compiled(lambda x: (x.t() * 2).as_strided((3, 2), (2, 1), 1))(x.detach())


SCRIPT = """
import torch, linalgd
torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Linear(12, 6), torch.nn.Tanh())
torch.compile(model, backend="linalgd")(torch.ones(3, 12)).sum().backward()
"""


def test_another_process_finds_the_graphs(client: linalgd.Client, daemon: Daemon) -> None:
    model = nn.Sequential(nn.Linear(12, 6), nn.Tanh())
    compiled(model)(torch.ones(3, 12)).sum().backward()
    before = client.stats()
    environment = {"PYTHONPATH": str(PYTHON_CLIENT), "LINALGD_ADDRESS": daemon.address, "PATH": ""}
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, env=environment)
    after = client.stats()
    assert after.cache_misses == before.cache_misses
    assert after.jobs_submitted - before.jobs_submitted == 2


def test_unsupported_graph(client: linalgd.Client) -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.svdvals(x) + torch.special.bessel_j0(x[0])

    x = torch.randn(4, 4)
    with pytest.raises(Exception, match="bessel_j0") as caught:
        compiled(function)(x)
    causes = []
    error: BaseException | None = caught.value
    while error is not None:
        causes.append(error)
        error = getattr(error, "inner_exception", None) or error.__cause__
    assert any(isinstance(cause, linalgd.CompileError) for cause in causes)
    torch._dynamo.reset()
    call = compiled(function, fallback="eager")
    with pytest.warns(UserWarning, match="bessel_j0"):
        torch.testing.assert_close(call(x), function(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(call(x), function(x))


def test_server_away() -> None:
    model, x = mlp(), torch.randn(3, 8)
    with pytest.raises(Exception, match="no linalgd takes requests"):
        compiled(model, address="127.0.0.1:1")(x)
    torch._dynamo.reset()
    call = compiled(model, address="127.0.0.1:1", fallback="eager")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        call(x).sum().backward()
        call(torch.randn(5, 8))
    assert len([one for one in seen if "no linalgd takes requests" in str(one.message)]) == 1
    torch.testing.assert_close(call(x), model(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"colour": "red"}, "no option 'colour'"), ({"fallback": "maybe"}, 'must be "error" or')],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=message):
        compiled(mlp(), **options)(torch.randn(3, 8))
