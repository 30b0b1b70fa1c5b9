"""Every op record of the compiler against the schema in PyTorch's registry."""

import pathlib
import re
import subprocess

import pytest
import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed
import torchvision  # noqa: F401 (registers its own)

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
OPT = REPOSITORY / "build" / "bin" / "linalgd-opt"


def registry() -> dict[str, str]:
    """PyTorch's schemas by qualified name ("aten::add.Tensor"), in our spelling."""
    torch._C._jit_get_operation("aten::add")  # fills the registry of TorchScript's own ops
    return {
        schema.name + ("." + schema.overload_name if schema.overload_name else ""): normalize(str(schema))
        for schema in torch._C._jit_get_all_schemas()
    }


def normalize(schema: str) -> str:
    """Drops what our records do not state: aliasing, result names, sizes of int lists."""
    schema = re.sub(r"\(([a-z](!)?( *->? *\*|\|[a-z])?|\*)\)", "", schema)
    head, _, results = schema.rpartition(" -> ")
    results = re.sub(r"([\w\]\?]) [A-Za-z]\w*", r"\1", results)
    head = re.sub(r"=\[(-?\d+)(, \1)*\]", r"=\1", head)
    head = re.sub(r"\[\d+\]", "[]", head)
    return f"{head} -> {results}"


def records() -> list[str]:
    """The schema of each record, in-place twins included."""
    output = subprocess.run([OPT, "--list-ops"], capture_output=True, text=True, check=True).stdout
    return [line.split("\t")[2] for line in output.splitlines()]


def test_records_match_the_registry() -> None:
    """A record that differs from PyTorch's schema would read arguments wrongly."""
    known = registry()
    wrong = []
    for record in records():
        name = record.partition("(")[0]
        if name not in known:
            wrong.append(f"{record}: not in the registry")
        elif normalize(record) != known[name]:
            wrong.append(f"{record}\n  registry: {known[name]}")
    if wrong:
        pytest.fail("\n".join(wrong))
