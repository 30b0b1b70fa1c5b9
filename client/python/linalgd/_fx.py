"""A lowered torch.fx graph as an ExportedProgram, which is what travels to the server.

torch.export traces Python; a graph that Dynamo and AOTAutograd traced needs only a signature: each
placeholder is an input of the user, each result an output. Nothing is traced again, and no weight
is in it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch._guards import detect_fake_mode
from torch.export import ExportedProgram
from torch.export import graph_signature as signatures
from torch.export.exported_program import ModuleCallEntry, ModuleCallSignature
from torch.fx.experimental.symbolic_shapes import free_symbols
from torch.utils import _pytree as pytree


def exported(module: torch.fx.GraphModule) -> ExportedProgram:
    """The program of a functional graph of ATen ops, flat in its inputs and outputs.

    Args:
        module: each node has its example value in `meta["val"]`; the output is a sequence. It is
            not changed.

    Raises:
        Exception: PyTorch's own, where it holds the graph for malformed.
    """
    graph = torch.fx.Graph()
    result = graph.graph_copy(module.graph, {})
    graph.output(tuple(result))
    root = torch.fx.GraphModule(module, graph)
    for node in root.graph.nodes:
        node.meta = _travelling(node.meta)
    constants = _lift_constants(root)
    root.graph.lint()
    placeholders = root.graph.find_nodes(op="placeholder")
    inputs = [_input_spec(node, constants) for node in placeholders]
    (output,) = root.graph.find_nodes(op="output")
    outputs = [
        signatures.OutputSpec(signatures.OutputKind.USER_OUTPUT, _argument(value), None)
        for value in output.args[0]
    ]
    arguments = [spec.arg for spec in inputs if spec.kind is signatures.InputKind.USER_INPUT]
    in_spec = pytree.tree_structure(((0,) * len(arguments), {}))
    out_spec = pytree.tree_structure((0,) * len(outputs))
    call = ModuleCallSignature([], [], in_spec, out_spec)
    return ExportedProgram(
        root=root,
        graph=root.graph,
        graph_signature=signatures.ExportGraphSignature(inputs, outputs),
        state_dict={},
        range_constraints=_ranges(root),
        module_call_graph=[ModuleCallEntry("", call)],
        constants=constants,
    )


def _travelling(meta: dict[str, Any]) -> dict[str, Any]:
    """What a program says of a node: its example value and where it comes from."""
    kept = {key: meta[key] for key in ("val", "stack_trace") if meta.get(key) is not None}
    stack = meta.get("nn_module_stack") or {}
    kept["nn_module_stack"] = {
        key: (path, kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}")
        for key, (path, kind) in stack.items()
    }
    return kept


def draw_first(
    module: torch.fx.GraphModule,
) -> tuple[torch.fx.GraphModule | None, torch.fx.GraphModule]:
    """Takes the ops that draw random numbers out of a graph.

    Returns:
        A graph from the inputs to what these ops return (None where there are none), and the rest,
        which takes that as further inputs.
    """
    drawn = [node for node in module.graph.nodes if _is_random(node)]
    if not drawn:
        return None, module
    needed = set(drawn)
    for node in reversed(module.graph.nodes):
        if node in needed:
            needed.update(node.all_input_nodes)
    first = torch.fx.Graph()
    copies: dict[torch.fx.Node, torch.fx.Node] = {}
    for node in module.graph.nodes:
        if node.op == "placeholder" or node in needed:
            copies[node] = first.node_copy(node, copies.__getitem__)
    first.output(tuple(copies[node] for node in drawn))

    graph = torch.fx.Graph()
    values: dict[torch.fx.Node, torch.fx.Node] = {}
    for node in module.graph.find_nodes(op="placeholder"):
        values[node] = graph.node_copy(node)
    for node in drawn:
        values[node] = graph.placeholder(node.name)
        values[node].meta = dict(node.meta)
    for node in module.graph.nodes:
        if node not in values:
            values[node] = graph.node_copy(node, values.__getitem__)
    graph.eliminate_dead_code()
    return torch.fx.GraphModule(module, first), torch.fx.GraphModule(module, graph)


def _is_random(node: torch.fx.Node) -> bool:
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def _lift_constants(root: torch.fx.GraphModule) -> dict[str, Any]:
    """Turns the tensors that the graph holds into placeholders, in front of the others."""
    constants: dict[str, Any] = {}
    made: dict[str, torch.fx.Node] = {}
    for node in root.graph.find_nodes(op="get_attr"):
        value = getattr(root, node.target, None)
        if not isinstance(value, torch.Tensor):
            continue  # the body of a higher-order op
        if node.target not in made:
            constants[node.target] = value.detach()
            first = next(iter(root.graph.nodes))
            with root.graph.inserting_before(first):
                made[node.target] = root.graph.placeholder(f"c_{node.target}")
            made[node.target].meta["val"] = node.meta.get("val", _fake(root, value))
            made[node.target].meta["constant"] = node.target
        node.replace_all_uses_with(made[node.target])
        root.graph.erase_node(node)
    root.recompile()
    return constants


def _fake(root: torch.fx.GraphModule, value: torch.Tensor) -> torch.Tensor:
    mode = detect_fake_mode([node.meta.get("val") for node in root.graph.nodes])
    return mode.from_tensor(value, static_shapes=True) if mode else value


def _input_spec(node: torch.fx.Node, constants: dict[str, Any]) -> signatures.InputSpec:
    target = node.meta.get("constant")
    if target in constants:
        kind = signatures.InputKind.CONSTANT_TENSOR
        return signatures.InputSpec(kind, signatures.TensorArgument(node.name), target)
    return signatures.InputSpec(signatures.InputKind.USER_INPUT, _argument(node), None)


def _argument(value: Any) -> Any:
    """How a signature names a value: a node, or a constant among the outputs."""
    if not isinstance(value, torch.fx.Node):
        return signatures.ConstantArgument(name="", value=value)
    example = value.meta.get("val")
    kinds = (
        (torch.Tensor, signatures.TensorArgument),
        ((torch.SymBool, bool), signatures.SymBoolArgument),
        ((torch.SymInt, int), signatures.SymIntArgument),
        ((torch.SymFloat, float), signatures.SymFloatArgument),
    )
    for kind, argument in kinds:
        if isinstance(example, kind):
            return argument(name=value.name)
    return signatures.ConstantArgument(name=value.name, value=example)


def _ranges(root: torch.fx.GraphModule) -> dict[Any, Any]:
    """What the shape environment knows of the symbols that the graph's values have."""
    values = [node.meta.get("val") for node in root.graph.nodes]
    mode = detect_fake_mode(values)
    if mode is None or mode.shape_env is None:
        return {}
    symbols = set().union(*(free_symbols(value) for value in values if isinstance(value, _SYMBOLIC)))
    ranges = mode.shape_env.var_to_range
    return {symbol: ranges[symbol] for symbol in symbols if symbol in ranges}


_SYMBOLIC = (torch.Tensor, torch.SymInt, torch.SymFloat, torch.SymBool)
