"""Quantized models, as torch.ao.quantization makes them, against what PyTorch's own kernels give."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.ao.nn.quantized as nnq
import torch.ao.quantization as quantization
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed
from torch import Tensor, nn

import linalgd

pytestmark = pytest.mark.filterwarnings(
    "ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning"
)


class Residual(nn.Module):
    """Convolutions, additions and what is plain in between, as in ResNet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=2, bias=False)
        self.down = nn.Conv2d(8, 8, 1, stride=2, bias=False)
        self.linear = nn.Linear(8, 5)
        self.pool = nn.MaxPool2d(2)
        self.add = nnq.FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv(x))
        x = self.add.add_relu(self.pool(self.grouped(x)), self.down(x))
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1))
        return self.linear(torch.flatten(x, 1))


class Shuffled(nn.Module):
    """Parts of tensors, as in ShuffleNet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.cat = nnq.FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.conv(x).chunk(2, dim=1)
        x = self.cat.cat([first, torch.relu(second), first], dim=1)
        x = x.view(x.size(0), 3, 2, x.size(2), x.size(3)).transpose(1, 2).reshape(x.shape)
        return nn.functional.avg_pool2d(x, 2).mean([2, 3])


class Excited(nn.Module):
    """Functions with a scale of their own, as in MobileNet v3."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.swish = nn.Conv2d(3, 6, 3), nn.Hardswish()
        self.reduce, self.gate = nn.Conv2d(6, 6, 1), nn.Hardsigmoid()
        self.mul = nnq.FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        x = self.swish(self.conv(x))
        return self.mul.mul(x, self.gate(self.reduce(torch.mean(x, [2, 3], keepdim=True))))


class Others(nn.Module):
    """Convolutions in one and three dimensions, a normalization, activations."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv1d(3, 4, 3, stride=2, padding=1)
        self.three = nn.Conv3d(1, 2, 2)
        self.norm = nn.BatchNorm3d(2)
        self.leaky, self.sigmoid = nn.LeakyReLU(), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        y = self.leaky(self.one(x.flatten(2)))
        y = self.norm(self.three(y.reshape(x.size(0), 1, 4, 8, -1)))
        return self.sigmoid(y)


STATIC: dict[str, Callable[[], nn.Module]] = {
    "residual": Residual,
    "shuffled": Shuffled,
    "excited": Excited,
    "others": Others,
}
X = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def quantized(name: str, x: Tensor, qconfig: quantization.QConfig | None = None) -> nn.Module:
    torch.manual_seed(1)
    model = nn.Sequential(quantization.QuantStub(), STATIC[name](), quantization.DeQuantStub()).eval()
    model.qconfig = qconfig or quantization.get_default_qconfig("x86")
    if name == "residual":
        model = quantization.fuse_modules(model, [["1.conv", "1.relu"]])
    model = quantization.prepare(model)
    model(x)
    return quantization.convert(model).eval()


def assert_within_a_quantum(actual: Tensor, expected: Tensor) -> None:
    """An output of PyTorch lies on multiples of its scale."""
    steps = expected.unique().diff()
    quantum = float(steps.min()) if steps.numel() else 0.0
    torch.testing.assert_close(actual, expected, atol=quantum * 1.01, rtol=0)
    assert (actual - expected).abs().lt(quantum / 2).double().mean() > 0.8


@pytest.mark.parametrize("form", ["scripted", "traced", "frozen"])
@pytest.mark.parametrize("name", STATIC)
def test_static(client: linalgd.Client, name: str, form: str) -> None:
    x = X if name == "shuffled" else X[:, :3]
    model = quantized(name, x)
    made = torch.jit.trace(model, x) if form == "traced" else torch.jit.script(model)
    if form == "frozen":
        made = torch.jit.freeze(made)
    assert_within_a_quantum(client.compile(made, (x,))(x), model(x))


def test_weights_with_one_scale(client: linalgd.Client) -> None:
    qconfig = quantization.QConfig(
        activation=quantization.HistogramObserver.with_args(reduce_range=True),
        weight=quantization.default_weight_observer,
    )
    model = quantized("residual", X[:, :3], qconfig)
    scripted = torch.jit.script(model)
    assert_within_a_quantum(client.compile(scripted, (X[:, :3],))(X[:, :3]), model(X[:, :3]))


def test_raw_form(client: linalgd.Client) -> None:
    """What a file holds is there as it is: integers in slots, and what they mean beside them."""
    scripted = torch.jit.script(quantized("residual", X[:, :3]))
    text = client.submit(scripted, (X[:, :3],), emit="torch-raw").result(timeout=60).text()
    for expected in (
        'dense_resource<"1.conv._packed_params.weight"> : tensor<8x3x3x3xsi8>',
        "-> !torch.tensor<[8,3,3,3],!torch.qint8>",
        "torch.per_channel_affine.create",
        "torch.conv2d_params.create",
        "torch.linear_params.create",
        "torch.quantized.conv2d_relu.new",
    ):
        assert expected in text


def test_key_tells_scales_apart(client: linalgd.Client) -> None:
    keys = set()
    for factor in (1.0, 1.0, 2.0):
        model = quantized("residual", X[:, :3] * factor)
        job = client.submit(torch.jit.script(model), (X[:, :3],), emit="torch-raw")
        keys.add(job.result(timeout=60).key)
    assert len(keys) == 2


@pytest.mark.parametrize("dtype", [torch.qint8, torch.float16])
def test_dynamic_linear(client: linalgd.Client, dtype: torch.dtype) -> None:
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
    model = quantization.quantize_dynamic(model, {nn.Linear}, dtype=dtype)
    compiled = client.compile(torch.jit.script(model), (torch.zeros(3, 16),))
    for x in (torch.randn(3, 16), torch.rand(3, 16) + 1, torch.zeros(3, 16)):
        torch.testing.assert_close(compiled(x), model(x), atol=0.02, rtol=0)


def test_dynamic_lstm_comes_in(client: linalgd.Client) -> None:
    model = quantization.quantize_dynamic(nn.Sequential(nn.LSTM(4, 5)), {nn.LSTM}, dtype=torch.qint8)
    scripted = torch.jit.script(model)
    text = client.submit(scripted, (torch.zeros(2, 3, 4),), emit="torch-raw").result(timeout=60).text()
    assert "torch.cell_params.create" in text
    assert "aten.quantized_lstm.input" in text


def test_embedding(client: linalgd.Client) -> None:
    embedding = nn.Embedding(10, 16)
    embedding.qconfig = quantization.float_qparams_weight_only_qconfig
    model = quantization.convert(quantization.prepare(nn.Sequential(embedding)))
    x = torch.tensor([[1, 9], [0, 1]])
    torch.testing.assert_close(client.compile(torch.jit.script(model), (x,))(x), model(x))


class Decomposed(nn.Module):
    """What torch.export's quantization flow writes."""

    scales: Tensor
    zeros: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scales", torch.rand(4) * 0.1 + 0.01)
        self.register_buffer("zeros", torch.randint(-3, 3, (4,)))
        self.register_buffer("weight", torch.randint(-128, 128, (4, 6)).to(torch.int8))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ops = torch.ops.quantized_decomposed
        q = ops.quantize_per_tensor(x, 0.05, 3, -128, 127, torch.int8)
        numbers = ops.dequantize_per_tensor(q, 0.05, 3, -128, 127, torch.int8)
        weight = ops.dequantize_per_channel(self.weight, self.scales, self.zeros, 0, -128, 127, torch.int8)
        y = nn.functional.linear(numbers, weight)
        scale, zero = ops.choose_qparams.tensor(y, -128, 127, 1e-6, torch.int8)
        z = ops.quantize_per_tensor.tensor(y, scale, zero, -128, 127, torch.int8)
        back = ops.dequantize_per_tensor.tensor(z, scale, zero, -128, 127, torch.int8)
        fake = torch.fake_quantize_per_tensor_affine(x, 0.1, 128, 0, 255)
        return q, back, fake


def test_export(client: linalgd.Client) -> None:
    torch.manual_seed(3)
    model, x = Decomposed(), torch.randn(3, 6)
    (q, back, fake), expected = client.compile(model, (x,))(x), model(x)
    torch.testing.assert_close(q, expected[0], atol=1, rtol=0)
    assert_within_a_quantum(back, expected[1])
    torch.testing.assert_close(fake, expected[2], atol=0.11, rtol=0)
