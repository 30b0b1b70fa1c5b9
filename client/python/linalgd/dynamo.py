"""The backend "linalgd" of torch.compile: Dynamo captures, a server compiles, the result runs here.

    torch.compile(model, backend="linalgd")
    torch.compile(model, backend="linalgd", options={"address": "build-box:8470", "fallback": "eager"})

AOTAutograd makes functional graphs of ATen ops of what Dynamo captured: one for inference, or a
forward and a backward one for training. Weights are inputs of these graphs. They never travel, and
a graph whose weights changed is the same graph: a second process, and every training step, finds it
in the server's cache or in this process. Guards, graph breaks and recompiles are PyTorch's.

PyTorch finds this module by the package's entry point; it is not imported otherwise.
"""

from __future__ import annotations

import functools
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch
from functorch.compile import make_boxed_func, min_cut_rematerialization_partition
from torch._dynamo.backends.common import aot_autograd
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.nn.attention import SDPBackend, sdpa_kernel

from linalgd import _decompositions, _fx
from linalgd.client import DEFAULT_ADDRESS, Client
from linalgd.errors import CaptureError, Diagnostic, InputError, LinalgdError, ServerUnavailable

if TYPE_CHECKING:
    from linalgd.executable import Executable

# A server that did not answer is left alone for so long, seconds, where there is another way.
_AWAY_SECONDS = 30.0


@dataclass(frozen=True)
class BackendOptions:
    """What `options` of torch.compile may hold.

    Attributes:
        address: of the server, "HOST:PORT"; None: $LINALGD_ADDRESS, then localhost:8470.
        target: as `Client.submit` takes it; None: the server's default.
        fallback: what to do about a graph where the server is away or cannot compile it: "error"
            raises, "eager" runs that graph in PyTorch, with one warning for each reason.
        timeout: how long one compile may take, seconds; None: the server's limit.
    """

    address: str | None = None
    target: str | None = None
    fallback: str = "error"
    timeout: float | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any] | None) -> BackendOptions:
        """The options of a torch.compile call.

        Raises:
            InputError: there is no such option, or its value is none that it takes.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(options or {}) - set(known))
        if unknown:
            raise InputError(f"the backend has no option {unknown[0]!r}; it has {', '.join(known)}")
        made = cls(**(options or {}))
        if made.fallback not in ("error", "eager"):
            raise InputError(f'fallback must be "error" or "eager", not {made.fallback!r}')
        return made


def backend(
    module: torch.fx.GraphModule,
    inputs: Sequence[Any],
    *,
    options: Mapping[str, Any] | None = None,
) -> Callable[..., Any]:
    """Compiles a graph that Dynamo captured, as PyTorch calls its backends.

    Args:
        module: the graph.
        inputs: its (fake) example inputs.
        options: see `BackendOptions`.

    Returns:
        A callable with the graph's inputs and outputs.

    Raises:
        LinalgdError: a server is away or cannot compile the graph, and the fallback is "error".
    """
    chosen = BackendOptions.of(options)
    compiled = aot_autograd(
        fw_compiler=functools.partial(_compile, chosen),
        decompositions=_decompositions.table(),
        partition_fn=min_cut_rematerialization_partition,
    )
    # The fused kernels of attention have no decomposition; the plain one is made of ops.
    with sdpa_kernel(SDPBackend.MATH):
        made: Callable[..., Any] = compiled(module, inputs)
    return made


def _compile(
    options: BackendOptions, module: torch.fx.GraphModule, _inputs: Sequence[Any]
) -> Callable[..., Any]:
    """One graph of AOTAutograd to a boxed callable: it takes a list of inputs, which it empties."""
    try:
        # PyTorch calls in the middle of its tracing, where tensors have no data.
        with unset_fake_temporarily():
            call: Callable[..., Any] = _Compiled(options, module)
    except LinalgdError as error:
        if options.fallback != "eager":
            raise
        _warn_once(str(error))
        call = module.forward
    boxed: Callable[..., Any] = make_boxed_func(call)
    return boxed


def _check(module: torch.fx.GraphModule) -> None:
    """Refuses what the graph's values do not tell.

    Raises:
        InputError: a tensor is on another device.
        CaptureError: strides go over memory that is not in order: executables have no other.
    """
    for node in module.graph.nodes:
        example = node.meta.get("val")
        if isinstance(example, torch.Tensor) and example.device.type != "cpu":
            raise InputError(
                f"{node.name} is on {example.device}: executables of linalgd run on the CPU; "
                "move the model and its inputs there"
            )
        if node.target is torch.ops.aten.as_strided.default:
            base = node.args[0].meta["val"]
            if not base.is_contiguous():
                raise CaptureError(
                    f"as_strided reads a tensor of strides {tuple(base.stride())}: make it contiguous before",
                    code="UNIMPLEMENTED",
                )


def _executable(options: BackendOptions, module: torch.fx.GraphModule) -> Executable:
    _check(module)
    program = _program(module)
    address = options.address or os.environ.get("LINALGD_ADDRESS") or DEFAULT_ADDRESS
    away = _away.get(address)
    if away is not None and options.fallback == "eager" and time.monotonic() < away.until:
        raise away.error
    try:
        return _client(address).compile(program, target=options.target, timeout=options.timeout)
    except ServerUnavailable as error:
        _away[address] = _Away(error, time.monotonic() + _AWAY_SECONDS)
        raise


def _program(module: torch.fx.GraphModule) -> torch.export.ExportedProgram:
    try:
        return _fx.exported(module)
    except Exception as error:
        diagnostic = Diagnostic("error", "capture-failed", f"{type(error).__name__}: {error}")
        raise CaptureError(
            "PyTorch holds a graph of its own for malformed",
            code="INVALID_ARGUMENT",
            diagnostics=[diagnostic],
        ) from error


@dataclass
class _Away:
    """A server that did not answer, and until when not to ask it again."""

    error: ServerUnavailable
    until: float


_away: dict[str, _Away] = {}
_warned: set[str] = set()


@functools.cache
def _client(address: str) -> Client:
    return Client(address)


def _warn_once(reason: str) -> None:
    if reason not in _warned:
        _warned.add(reason)
        warnings.warn(f"linalgd: PyTorch runs a graph itself: {reason}", stacklevel=2)


class _Compiled:
    """An executable in the place of a graph.

    PyTorch draws the random numbers before, from its own generators. Outputs have the layouts that
    were traced.
    """

    def __init__(self, options: BackendOptions, module: torch.fx.GraphModule) -> None:
        self._draws, module = _fx.draw_first(module)
        self._executable = _executable(options, module)
        (output,) = module.graph.find_nodes(op="output")
        values = output.args[0] if isinstance(output.args[0], (tuple, list)) else (output.args[0],)
        orders = [_order(value) for value in values]
        self._orders = [(index, order) for index, order in enumerate(orders) if order is not None]

    def __call__(self, *inputs: Any) -> list[Any]:
        if self._draws is not None:
            inputs += tuple(self._draws(*inputs))
        results = self._executable.call_leaves(inputs, as_torch=True)
        for index, order in self._orders:
            inverse = sorted(range(len(order)), key=order.__getitem__)
            results[index] = results[index].permute(order).contiguous().permute(inverse)
        return results


def _order(node: Any) -> tuple[int, ...] | None:
    """The dimensions of a traced result from outermost to innermost; None where they are in order.

    PyTorch rebuilds views of results by strides, so that these must be what it saw.
    """
    value = node.meta.get("val") if isinstance(node, torch.fx.Node) else None
    if not isinstance(value, torch.Tensor) or node.op == "placeholder" or value.is_contiguous():
        return None
    sizes, strides = [_hint(size) for size in value.shape], [_hint(stride) for stride in value.stride()]
    order = tuple(sorted(range(value.dim()), key=lambda dim: (-strides[dim], -sizes[dim])))
    return None if order == tuple(range(value.dim())) else order


def _hint(size: Any) -> int:
    return int(size.node.hint) if isinstance(size, torch.SymInt) else int(size)
