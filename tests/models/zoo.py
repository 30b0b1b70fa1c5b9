"""The models that linalgd must compile: real architectures with random weights, and their inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

BATCH = 2


@dataclass(frozen=True)
class Sample:
    """A model with inputs.

    Attributes:
        model: in eval mode, seeded.
        args: its positional inputs.
        kwargs: its keyword inputs.
        dynamic_shapes: the batch dimension of all of them, as torch.export takes it.
    """

    model: nn.Module
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    dynamic_shapes: Any = None


Maker = Callable[[int], Sample]
ZOO: dict[str, Maker] = {}


def make(name: str, batch: int = BATCH) -> Sample:
    """The sample of a model of `ZOO`; weights are drawn before inputs: they are the same at any batch.

    Args:
        name: the model's.
        batch: size of the batch dimension.
    """
    torch.manual_seed(0)
    sample = ZOO[name](batch)
    sample.model.eval()
    return sample


def _add(name: str) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        ZOO[name] = maker
        return maker

    return register


def _batched(model: nn.Module, *args: Any) -> Sample:
    """A sample whose inputs all have the batch in front."""
    batch = torch.export.Dim("batch")
    return Sample(model, args, {}, tuple({0: batch} for _ in args))


def _named(model: nn.Module, **kwargs: Any) -> Sample:
    batch = torch.export.Dim("batch")
    return Sample(model, (), kwargs, {name: {0: batch} for name in kwargs})


def _vision(name: str) -> None:
    @_add(name)
    def maker(batch: int) -> Sample:
        import torchvision

        model = getattr(torchvision.models, name)()
        _settle_batch_norms(model)
        return _batched(model, torch.randn(batch, 3, 224, 224))


def _settle_batch_norms(model: nn.Module) -> None:
    """Gives batch norms statistics that are not the trivial 0 and 1."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)


for _name in ("resnet18", "mobilenet_v3_small", "vit_b_16"):
    _vision(_name)


@_add("bert")
def _bert(batch: int) -> Sample:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        num_hidden_layers=2, hidden_size=128, num_attention_heads=2, intermediate_size=512, vocab_size=1000
    )
    model = BertModel(config)
    ids = torch.randint(0, 1000, (batch, 16))
    mask = torch.ones_like(ids)
    mask[0, 10:] = 0
    return _named(model, input_ids=ids, attention_mask=mask)


@_add("gpt2")
def _gpt2(batch: int) -> Sample:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        n_layer=2,
        n_embd=128,
        n_head=2,
        n_positions=64,
        vocab_size=1000,
        bos_token_id=0,
        eos_token_id=0,
        use_cache=False,
    )
    model = GPT2LMHeadModel(config)
    return _named(model, input_ids=torch.randint(0, 1000, (batch, 16)))


class Mlp(nn.Module):
    """Two linear layers with an activation between them."""

    def __init__(self, activation: nn.Module, narrows: int = 1) -> None:
        super().__init__()
        self.first = nn.Linear(20, 32)
        self.activation = activation
        self.second = nn.Linear(32 // narrows, 10)

    def forward(self, x: torch.Tensor) -> Any:
        """(batch, 20) to (batch, 10)."""
        return self.second(self.activation(self.first(x)))


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "celu": nn.CELU,
    "dropout": nn.Dropout,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "gelu-tanh": lambda: nn.GELU(approximate="tanh"),
    "glu": nn.GLU,
    "hardshrink": nn.Hardshrink,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "hardtanh": nn.Hardtanh,
    "identity": nn.Identity,
    "leaky-relu": nn.LeakyReLU,
    "log-softmax": lambda: nn.LogSoftmax(dim=-1),
    "logsigmoid": nn.LogSigmoid,
    "mish": nn.Mish,
    "prelu": nn.PReLU,
    "relu": nn.ReLU,
    "relu-inplace": lambda: nn.ReLU(inplace=True),
    "relu6": nn.ReLU6,
    "rrelu": nn.RReLU,
    "selu": nn.SELU,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softmax": lambda: nn.Softmax(dim=-1),
    "softmin": lambda: nn.Softmin(dim=-1),
    "softplus": nn.Softplus,
    "softshrink": nn.Softshrink,
    "softsign": nn.Softsign,
    "tanh": nn.Tanh,
    "tanhshrink": nn.Tanhshrink,
    "threshold": lambda: nn.Threshold(0.1, 20.0),
}


def _mlp(name: str, activation: Callable[[], nn.Module]) -> None:
    @_add(f"mlp-{name}")
    def maker(batch: int) -> Sample:
        model = Mlp(activation(), narrows=2 if name == "glu" else 1)
        return _batched(model, torch.randn(batch, 20))


for _name, _activation in ACTIVATIONS.items():
    _mlp(_name, _activation)


class WithLoss(nn.Module):
    """An MLP that returns its prediction and the loss against a target."""

    def __init__(self, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.mlp = Mlp(nn.ReLU())
        self.loss = loss

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> Any:
        """(batch, 20) and the loss's target to the prediction and the loss."""
        y = self.mlp(x)
        return {"prediction": y, "loss": self.loss(y, target)}


Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _real(batch: int) -> torch.Tensor:
    return torch.randn(batch, 10)


def _classes(batch: int) -> torch.Tensor:
    return torch.randint(0, 10, (batch,))


def _binary(batch: int) -> torch.Tensor:
    return torch.randint(0, 2, (batch, 10)).float()


def _probabilities(batch: int) -> torch.Tensor:
    return torch.softmax(torch.randn(batch, 10), dim=-1)


def _signs(batch: int) -> torch.Tensor:
    return torch.randint(0, 2, (batch, 10)).float() * 2 - 1


LOSSES: dict[str, tuple[Loss, Callable[[int], torch.Tensor]]] = {
    "bce": (lambda y, t: F.binary_cross_entropy(torch.sigmoid(y), t), _binary),
    "bce-with-logits": (F.binary_cross_entropy_with_logits, _binary),
    "cross-entropy": (F.cross_entropy, _classes),
    "cross-entropy-smoothed": (lambda y, t: F.cross_entropy(y, t, label_smoothing=0.1), _classes),
    "cross-entropy-soft": (F.cross_entropy, _probabilities),
    "cross-entropy-sum": (lambda y, t: F.cross_entropy(y, t, reduction="sum"), _classes),
    "hinge-embedding": (F.hinge_embedding_loss, _signs),
    "huber": (F.huber_loss, _real),
    "kl-div": (lambda y, t: F.kl_div(F.log_softmax(y, -1), t, reduction="batchmean"), _probabilities),
    "l1": (F.l1_loss, _real),
    "margin-ranking": (lambda y, t: F.margin_ranking_loss(y, y.flip(0), t, margin=0.1), _signs),
    "mse": (F.mse_loss, _real),
    "mse-none": (lambda y, t: F.mse_loss(y, t, reduction="none"), _real),
    "nll": (lambda y, t: F.nll_loss(F.log_softmax(y, -1), t), _classes),
    "poisson-nll": (F.poisson_nll_loss, _binary),
    "smooth-l1": (F.smooth_l1_loss, _real),
    "soft-margin": (F.soft_margin_loss, _signs),
}


def _with_loss(name: str, loss: Loss, target: Callable[[int], torch.Tensor]) -> None:
    @_add(f"loss-{name}")
    def maker(batch: int) -> Sample:
        return _batched(WithLoss(loss), torch.randn(batch, 20), target(batch))


for _name, (_loss, _target) in LOSSES.items():
    _with_loss(_name, _loss, _target)
