"""What AOTAutograd takes apart for the backend, beside PyTorch's core set."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch._decomp import core_aten_decompositions, get_decompositions

_aten = torch.ops.aten
_PYTORCHS = (
    _aten._native_batch_norm_legit_functional,
    _aten.native_batch_norm_backward,
    _aten.native_group_norm_backward,
    _aten.native_layer_norm_backward,
)


@functools.cache
def table() -> dict[Any, Callable[..., Any]]:
    """The decompositions by op."""
    return {
        **core_aten_decompositions(),
        **get_decompositions(_PYTORCHS),
        _aten.native_dropout.default: _native_dropout,
        _aten.max_pool2d_with_indices_backward.default: _max_pool2d_backward,
        _aten.as_strided_scatter.default: _as_strided_scatter,
        _aten.convolution_backward.default: _convolution_backward,
        _aten._transformer_encoder_layer_fwd.default: _transformer_encoder_layer,
    }


def _native_dropout(x: Any, p: float, train: bool | None) -> tuple[Any, Any]:
    """The mask comes of sizes alone, so that its random numbers can be drawn before the graph runs."""
    if not train or p == 0:
        return x.clone(), torch.ones_like(x, dtype=torch.bool)
    if p == 1:
        return torch.zeros_like(x), torch.zeros_like(x, dtype=torch.bool)
    kept = torch.rand(x.shape, dtype=torch.float32, device=x.device) >= p
    return x * kept * (1.0 / (1.0 - p)), kept


def _max_pool2d_backward(grad: Any, x: Any, *rest: Any) -> Any:
    """Indices are places in a flat image."""
    indices = rest[-1]
    flat = x.new_zeros(x.shape).flatten(-2)
    return flat.scatter_add(-1, indices.flatten(-2), grad.flatten(-2)).view(x.shape)


def _as_strided_scatter(
    x: Any, src: Any, size: list[int], stride: list[int], offset: int | None = None
) -> Any:
    """Writes at the places of the flat tensor, for one that is laid out in order."""
    if not x.is_contiguous():
        return NotImplemented
    places = torch.full([1] * len(size), offset or 0, dtype=torch.int64, device=x.device)
    for dim, (count, step) in enumerate(zip(size, stride, strict=True)):
        along = torch.arange(count, device=x.device) * step
        places = places + along.view([-1 if i == dim else 1 for i in range(len(size))])
    return x.reshape(-1).index_put([places.reshape(-1)], src.reshape(-1)).view(x.shape)


def _convolution_backward(
    grad: Any,
    x: Any,
    weight: Any,
    _bias_sizes: list[int] | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    _output_padding: list[int],
    groups: int,
    output_mask: list[bool],
) -> Any:
    """Gradients of a convolution as convolutions."""
    spatial = range(2, x.dim())
    of_x = of_weight = of_bias = None
    if output_mask[0]:
        rest = [0] * len(spatial)
        if not transposed:  # sizes that the strides skipped at the end
            covered = [
                (grad.shape[i] - 1) * stride[i - 2]
                - 2 * padding[i - 2]
                + dilation[i - 2] * (weight.shape[i] - 1)
                + 1
                for i in spatial
            ]
            rest = [x.shape[i] - size for i, size in zip(spatial, covered, strict=True)]
        of_x = _aten.convolution(grad, weight, None, stride, padding, dilation, not transposed, rest, groups)
    if output_mask[1]:
        large, small = (grad, x) if transposed else (x, grad)
        # Batch and channels change places; the gradient is the kernel, spread by what was the stride.
        batch, channels = large.shape[0], large.shape[1] // groups
        image = large.reshape(batch, groups, channels, *large.shape[2:]).transpose(0, 2)
        image = image.reshape(channels, groups * batch, *large.shape[2:])
        zeros = [0] * len(spatial)
        kernel = small.transpose(0, 1)
        made = _aten.convolution(image, kernel, None, dilation, padding, stride, False, zeros, groups)
        for i in spatial:
            made = made.narrow(i, 0, weight.shape[i])
        of_weight = made.transpose(0, 1)
    if output_mask[2]:
        of_bias = grad.sum([0, *spatial])
    return of_x, of_weight, of_bias


def _transformer_encoder_layer(
    x: Any,
    width: int,
    heads: int,
    qkv_weight: Any,
    qkv_bias: Any,
    out_weight: Any,
    out_bias: Any,
    use_gelu: bool,
    norm_first: bool,
    eps: float,
    norm_weight_1: Any,
    norm_bias_1: Any,
    norm_weight_2: Any,
    norm_bias_2: Any,
    weight_1: Any,
    bias_1: Any,
    weight_2: Any,
    bias_2: Any,
    mask: Any = None,
    mask_type: int | None = None,
) -> Any:
    """The fused layer that nn.TransformerEncoder takes without gradients, of its parts."""
    functional = torch.nn.functional

    def attention(y: Any) -> Any:
        batch, length = y.shape[0], y.shape[1]
        parts = functional.linear(y, qkv_weight, qkv_bias).view(batch, length, 3, heads, width // heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        scores = (query / math.sqrt(width // heads)) @ key.transpose(-2, -1)
        if mask is not None:
            # 0: [length, length]; 1: [batch, length], of keys; 2: [batch, heads, length, length].
            hidden = mask[:, None, None, :] if mask_type == 1 else mask
            scores = scores.masked_fill(hidden.to(torch.bool), -math.inf)
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, width)
        return functional.linear(mixed, out_weight, out_bias)

    def feed_forward(y: Any) -> Any:
        inner = functional.linear(y, weight_1, bias_1)
        inner = functional.gelu(inner) if use_gelu else functional.relu(inner)
        return functional.linear(inner, weight_2, bias_2)

    def norm_1(y: Any) -> Any:
        return functional.layer_norm(y, (width,), norm_weight_1, norm_bias_1, eps)

    def norm_2(y: Any) -> Any:
        return functional.layer_norm(y, (width,), norm_weight_2, norm_bias_2, eps)

    if norm_first:
        x = x + attention(norm_1(x))
        return x + feed_forward(norm_2(x))
    x = norm_1(x + attention(x))
    return norm_2(x + feed_forward(x))
