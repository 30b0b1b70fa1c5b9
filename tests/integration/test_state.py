"""Models that write their buffers or inputs: the executable updates them in place, as eager does."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

import linalgd
from daemon import binary


class Norms(nn.Module):
    """Statistics of batches, which nothing in PyTorch's schemas says are written."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.batch = nn.BatchNorm2d(4)
        self.instance = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
        self.last = nn.BatchNorm1d(4, momentum=0.3, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.instance(torch.relu(self.batch(self.conv(x))))
        return self.last(y.amax((2, 3)))


@pytest.mark.parametrize("functional", [False, True])
def test_running_statistics(client: linalgd.Client, functional: bool) -> None:
    torch.manual_seed(0)
    model = Norms().train()
    program = export(model, (torch.randn(4, 3, 8, 8),), dynamic_shapes=({0: Dim("batch", min=2)},))
    if functional:
        program = program.run_decompositions()
    compiled = client.compile(program)
    for step in range(3):
        x = torch.randn(8 + step, 3, 8, 8) * 2 + 1
        with torch.no_grad():
            torch.testing.assert_close(compiled(x), model(x), rtol=1e-4, atol=1e-4)
        for name, value in compiled.state.items():
            expected = model.get_buffer(name)
            torch.testing.assert_close(torch.from_numpy(value), expected, rtol=1e-4, atol=1e-5)
    assert len(compiled.state) == 8


class Cached(nn.Module):
    """Two layers of attention over keys and values that it keeps, as transformers' StaticCache does."""

    def __init__(self, heads: int = 2, width: int = 8, length: int = 32, vocabulary: int = 50) -> None:
        super().__init__()
        self.heads, self.length = heads, length
        size = heads * width
        self.embedding = nn.Embedding(vocabulary, size)
        self.inputs = nn.ModuleList(nn.Linear(size, 3 * size) for _ in range(2))
        self.outputs = nn.ModuleList(nn.Linear(size, size) for _ in range(2))
        self.head = nn.Linear(size, vocabulary)
        for layer in range(2):
            for name in ("keys", "values"):
                self.register_buffer(f"{name}{layer}", torch.zeros(1, heads, length, width))

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for layer in range(2):
            split = self.inputs[layer](x).unflatten(-1, (3, self.heads, -1))
            query, key, value = split.permute(2, 0, 3, 1, 4)
            keys, values = self.get_buffer(f"keys{layer}"), self.get_buffer(f"values{layer}")
            keys.index_copy_(2, positions, key)
            values[:, :, positions] = value
            mask = torch.arange(self.length) <= positions[:, None]
            y = nn.functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
            x = x + self.outputs[layer](y.transpose(1, 2).flatten(2))
        return self.head(x)


def generate(model: Any, steps: int) -> list[int]:
    """Tokens that a model gives one after the other, each being its next input."""
    tokens, found = torch.tensor([[7]]), []
    with torch.no_grad():
        for position in range(steps):
            tokens = model(tokens, torch.tensor([position])).argmax(-1)
            found.append(int(tokens))
    return found


def test_key_value_cache(client: linalgd.Client, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Cached()
    job = client.submit(model, (torch.tensor([[3]]), torch.tensor([0])), emit="executable")
    path = job.result().save(tmp_path / "model.so")
    compiled = linalgd.load(path)
    first = generate(compiled, 8)
    assert first == generate(model, 8)
    for name, value in compiled.state.items():
        torch.testing.assert_close(torch.from_numpy(value), model.get_buffer(name))
    assert sorted(compiled.state) == ["keys0", "keys1", "values0", "values1"]
    compiled.reset()
    assert not any(value.any() for value in compiled.state.values())
    assert generate(compiled, 5) == first[:5]

    # Another handle goes on where this one is.
    other = linalgd.load(path)
    for name, value in compiled.state.items():
        other.bind(name, value)
    token = torch.tensor([[first[4]]])
    assert int(other(token, torch.tensor([5])).argmax()) == first[5]


def test_state_through_cpp(client: linalgd.Client, tmp_path: Path) -> None:
    """Each step in a process of its own, which goes on where the last one was."""
    torch.manual_seed(0)
    model = Cached()
    example = (torch.tensor([[3]]), torch.tensor([0]))
    program = client.submit(model, example, emit="executable").result().save(tmp_path / "model.so")
    expected = generate(model, 5)
    (tmp_path / "state").mkdir()
    token = 7
    for position, wanted in enumerate(expected):
        files = [tmp_path / name for name in ("tokens.npy", "positions.npy", "logits.npy")]
        np.save(files[0], np.array([[token]]))
        np.save(files[1], np.array([position]))
        subprocess.run([binary("linalgd-step"), program, tmp_path / "state", *files], check=True, timeout=60)
        token = int(np.load(files[2]).argmax())
        assert token == wanted
    for name in ("keys0", "keys1", "values0", "values1"):
        saved = torch.from_numpy(np.load(tmp_path / "state" / f"{name}.npy"))
        torch.testing.assert_close(saved[:, :, :5], model.get_buffer(name)[:, :, :5])


class Large(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(1 << 15, 1 << 10))

    def forward(self, x: Tensor, row: Tensor) -> Tensor:
        self.rows.index_copy_(0, row, x)
        return self.rows[row].sum()


def test_state_is_not_copied(client: linalgd.Client) -> None:
    compiled = client.compile(Large(), (torch.ones(1, 1 << 10), torch.tensor([5])), weights="external")
    rows = np.zeros((1 << 15, 1 << 10), np.float32)
    compiled.bind("rows", rows)

    def seconds(function: Any) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
        return min(times)

    x, row = torch.ones(1, 1 << 10), torch.tensor([5])
    assert float(compiled(x, row)) == 1 << 10
    assert seconds(lambda: compiled(x, row)) < seconds(rows.copy) / 10
    assert not rows.any()
    assert compiled.state["rows"].sum() == 1 << 10


class Inputs(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x.add_(y)
        return x * 2


def test_inputs_are_written_in_place(client: linalgd.Client) -> None:
    compiled = client.compile(Inputs(), (torch.ones(3, 4), torch.ones(3, 4)))
    for x in (torch.zeros(3, 4), torch.zeros(4, 3).t(), torch.zeros(6, 8)[::2, ::2]):
        assert torch.equal(compiled(x, torch.ones(3, 4)), torch.full((3, 4), 2.0))
        assert torch.equal(x, torch.ones(3, 4))
    # What overlaps is read before it is written.
    both = torch.ones(3, 4)
    assert torch.equal(compiled(both, both), torch.full((3, 4), 4.0))
    assert torch.equal(both, torch.full((3, 4), 2.0))
    fixed = np.zeros((3, 4), np.float32)
    fixed.setflags(write=False)
    with pytest.raises(linalgd.InputError, match="writes to input 'x', which is read-only"):
        compiled(fixed, np.ones((3, 4), np.float32))


class Swap(nn.Module):
    """New values that are the other's old ones, and an output that is an old value."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("a", torch.tensor([1.0, 2]))
        self.register_buffer("b", torch.tensor([3.0, 4]))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = self.a.clone(), self.b.clone()
        self.a.copy_(b)
        self.b.copy_(a)
        return a, self.a + x


def test_state_that_depends_on_each_other(client: linalgd.Client) -> None:
    model = Swap()
    compiled = client.compile(model, (torch.zeros(2),))
    for step in range(3):
        x = torch.full((2,), float(step))
        for found, expected in zip(compiled(x), model(x), strict=True):
            assert torch.equal(found, expected)
        assert {name: value.tolist() for name, value in compiled.state.items()} == {
            "a": model.a.tolist(),
            "b": model.b.tolist(),
        }
