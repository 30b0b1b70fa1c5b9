"""Benchmarks of the import: against torch-mlir, of a large model, and per node.

    .venv/bin/python tests/bench/importing.py [--peer build/peer/bin/python] [NAME...]

tests/bench/service_bench.py says how the peer is installed.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from service_bench import MIB, Bench, Row, main, peak, resident  # it makes the rest importable

# isort: split
from archives import slow
from stubs import workers_of

import linalgd

NODES = (1000, 16000)
LLAMA_8B = {
    "vocab_size": 128256,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}


def seconds_to_torch(client: linalgd.Client, model: Path | torch.export.ExportedProgram) -> float:
    """From inspecting to torch IR, in workers that are warm; the median of 5 compiles."""
    times = []
    for run in range(5):
        job = client.submit(model, emit="torch", weights="external", entry=f"run_{run}")
        assert not job.result(timeout=300).cached
        times.append(sum(timing.seconds for timing in job.status().timings))
    return statistics.median(times)


def small(bench: Bench) -> Iterator[Row]:
    """ResNet-18 to torch IR; torch-mlir's time."""
    path = bench.resnet18()
    with bench.server() as (_, client):
        seconds = seconds_to_torch(client, path)
    note = "inspect and import; median of 5"
    note += bench.peer(path, "torch", seconds)
    yield Row("ResNet-18 to torch", seconds * 1e3, 300.0, "ms", note)


def large(bench: Bench) -> Iterator[Row]:
    """A Llama of 8e9 parameters that exist nowhere; torch-mlir's time."""
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(use_cache=False, **LLAMA_8B)).eval()
    tokens = torch.zeros(1, 16, dtype=torch.int64, device="meta")
    program = torch.export.export(model, (), {"input_ids": tokens, "return_dict": False})
    with bench.server() as (daemon, client):
        for worker in workers_of(daemon):
            resident(worker)
        seconds = seconds_to_torch(client, program)
        memory = max(peak(worker) for worker in workers_of(daemon))
    count = sum(1 for _ in program.graph.nodes)
    path = bench.folder / "llama.pt2"
    torch.export.save(program, path)
    note = f"{count} nodes; median of 5"
    note += bench.peer(path, "torch", seconds)
    yield Row("Llama-8B shape to torch", seconds, 5.0, "s", note)
    yield Row("its worker's peak memory", memory / MIB, 1000.0, "MiB")


def linear(bench: Bench) -> Iterator[Row]:
    """The time per node of a long chain against that of a short one."""
    with bench.server() as (_, client):
        per_node = {}
        for nodes in NODES:
            path = bench.folder / f"chain-{nodes}.pt2"
            path.write_bytes(slow(nodes))
            per_node[nodes] = seconds_to_torch(client, path) / nodes
    few, many = (per_node[nodes] for nodes in NODES)
    note = f"{few * 1e6:.1f} us a node of {NODES[0]}, {many * 1e6:.1f} us of {NODES[1]}"
    yield Row("time per node, long against short", many / few, 1.5, "", note)


BENCHES = {"small": small, "large": large, "linear": linear}

if __name__ == "__main__":
    sys.exit(main(BENCHES, __doc__))
