"""Whatever Python hands to submit() and compile(), against eager PyTorch."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from transformers import LlamaConfig, LlamaForCausalLM

import linalgd
from daemon import Daemon

# The worker's memory for a model of 8e9 parameters.
IMPORT_BYTES = 1_000_000_000


def llama(device: str, **sizes: int) -> Any:
    config = LlamaConfig(use_cache=False, **sizes)
    with torch.device(device):
        return LlamaForCausalLM(config).eval()


def test_callables_and_graph_modules(client: linalgd.Client) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh()).requires_grad_(False)

    def function(x: torch.Tensor, *, bias: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"y": model(x) + bias}

    x, bias = torch.randn(3, 6), torch.randn(4)
    compiled = client.compile(function, (x,), {"bias": bias})
    torch.testing.assert_close(compiled(x, bias=bias), function(x, bias=bias))
    for graph in (torch.fx.symbolic_trace(model), make_fx(model)(x)):
        torch.testing.assert_close(client.compile(graph, (x,))(x), model(x))


def test_model_without_weights(client: linalgd.Client) -> None:
    torch.manual_seed(0)
    sizes = {
        "vocab_size": 100,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    model = llama("cpu", **sizes)
    tokens = torch.randint(0, 100, (1, 9))
    compiled = client.compile(
        llama("meta", **sizes), kwargs={"input_ids": tokens, "return_dict": False}, weights="external"
    )
    # The tables of rotary embeddings are no parameters: they were made here.
    assert set(compiled.unbound) == {name for name, _ in model.named_parameters()}
    with pytest.raises(linalgd.InputError, match=r"'model\.embed_tokens\.weight' has no data"):
        compiled(input_ids=tokens, return_dict=False)
    for slot in compiled.unbound:
        compiled.bind(slot, model.get_parameter(slot))
    with torch.no_grad():
        torch.testing.assert_close(
            compiled(input_ids=tokens, return_dict=False)[0],
            model(input_ids=tokens, return_dict=False)[0],
            rtol=1e-4,
            atol=1e-5,
        )


def test_fake_model(client: linalgd.Client) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        program = torch.export.export(torch.nn.Linear(3, 2), (torch.ones(4, 3),))
    compiled = client.compile(program)
    assert compiled.unbound == ["weight", "bias"]
    compiled.bind("weight", torch.ones(2, 3))
    compiled.bind("bias", torch.zeros(2))
    assert torch.equal(compiled(torch.ones(4, 3)), torch.full((4, 2), 3.0))


def test_eight_billion_parameters_to_linalg(start_daemon: Callable[..., Daemon]) -> None:
    daemon = start_daemon("--worker-memory", f"{IMPORT_BYTES}")
    model = llama(
        "meta",
        vocab_size=128256,
        hidden_size=4096,
        intermediate_size=14336,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
    )
    tokens = torch.zeros(1, 16, dtype=torch.int64)
    with linalgd.Client(daemon.address) as client:
        text = (
            client.submit(model, kwargs={"input_ids": tokens, "return_dict": False}, weights="external")
            .result()
            .text()
        )
        stored = client.stats().store_bytes_used
    assert stored < 30e6
    assert text.count("dense_resource<") >= 32 * 9
    assert json.dumps("model.layers.31.mlp.down_proj.weight")[1:-1] in text
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters > 8e9
