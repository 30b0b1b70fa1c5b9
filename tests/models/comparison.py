"""Holds what an executable returned against what PyTorch returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

# Of the largest magnitude in the expected tensor.
TOLERANCE = 1e-4


def assert_like_eager(actual: Any, expected: Any) -> None:
    """The same structure and dtypes, and values within the tolerance.

    Args:
        actual: what the executable returned; numpy arrays or tensors at the leaves.
        expected: what the module returned.

    Raises:
        AssertionError: they differ; the message names the leaf.
    """
    wanted, spec = pytree.tree_flatten_with_path(expected)
    found, found_spec = pytree.tree_flatten_with_path(actual)
    assert found_spec == spec
    for (path, have), (_, want) in zip(found, wanted, strict=True):
        name = pytree.keystr(path) or "the result"
        if isinstance(want, torch.Tensor):
            _assert_close(name, have, want.detach())
        else:
            assert have == want, name


def _assert_close(name: str, have: Any, want: torch.Tensor) -> None:
    tensor = have if isinstance(have, torch.Tensor) else torch.from_numpy(np.asarray(have))
    assert tensor.dtype == want.dtype, name
    assert tensor.shape == want.shape, name
    if not want.is_floating_point():
        assert torch.equal(tensor, want), name
        return
    finite = want.isfinite()
    assert torch.equal(tensor.isfinite(), finite), f"{name}: non-finite values in other places"
    if not finite.any():
        return
    difference = (tensor - want)[finite].abs().max().item()
    largest = want[finite].abs().max().item()
    assert difference <= TOLERANCE * largest, f"{name}: off by {difference:g} of {largest:g}"
