"""Reports on models, through a real daemon, the command line and the Python client."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
from programs import Program
from torch import nn

import linalgd
from daemon import Daemon, binary


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Models that a process of its own exported."""
    made = Program(tmp_path_factory.mktemp("programs") / "one", "net.py", "", batch=3)
    made.wait()
    return made


@pytest.fixture
def linalgc(daemon: Daemon, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `linalgc explain` in an empty folder."""

    def run(*arguments: Any) -> subprocess.CompletedProcess[str]:
        command = [str(binary("linalgc")), "--server", daemon.address, "explain", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    return run


class Page(HTMLParser):
    """Checks that tags are closed in order, and keeps the rows of the table of nodes."""

    VOID = ("meta", "input", "link", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows = 0
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        assert not any(name in names for name in ("src", "href")), "the page needs nothing beside it"
        if tag not in self.VOID:
            self.open.append(tag)
        self.rows += tag == "tr" and "data-how" in names

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


class Writes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 4, bias=False)
        self.second = nn.Linear(8, 4, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("count", torch.zeros(3, dtype=torch.int64))
        self.count: torch.Tensor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count.add_(1)
        return self.first(x) + self.second(x)


def test_all_that_is_not_supported_at_once(client: linalgd.Client, program: Program) -> None:
    report = client.explain(program.save("strange"))
    assert not report.supported
    assert [op.op for op in report.unsupported] == ["nobody.knows", "nobody.knows_either"]
    knows, either = report.unsupported
    lines = [use.source.line for use in knows.uses if use.source]
    assert lines == [program.line("knows"), program.line("either")]
    assert [use.node for use in either.uses] == ["n4"]
    source = either.uses[0].source
    assert source is not None
    assert (source.file, source.function) == (str(program.path), "forward")
    assert "not one of PyTorch's own ops" in knows.reason
    assert 'keep_ops=["nobody.knows"]' in knows.hint
    counts = {op.op: (op.count, op.how) for op in report.ops()}
    assert counts["nobody.knows"] == (2, "unsupported")
    assert counts["aten.mul.Tensor"] == (1, "lowered")
    assert ("nobody.knows", 2, "unsupported") in [(op.op, op.count, op.how) for op in report.ops("torch")]
    assert [node.op for node in report.nodes if node.how == "unsupported"] == [
        "nobody.knows",
        "nobody.knows",
        "nobody.knows_either",
    ]
    assert f"{program.path}:{program.line('knows')}" in str(report)
    assert "2 ops are not supported, in 3 places" in str(report)
    # What compiling says is what the report says.
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(program.save("strange")).result()
    assert len(caught.value.diagnostics) == 3
    kept = client.explain(program.save("strange"), keep_ops=["nobody.knows", "nobody.knows_either"])
    assert kept.supported
    assert {op.how for op in kept.ops() if op.op.startswith("nobody")} == {"kept"}


def test_a_model_that_compiles(client: linalgd.Client, program: Program) -> None:
    report = client.explain(program.save("limited"))
    assert report.supported
    assert (report.unsupported, report.problems) == ([], [])
    (symbol,) = report.symbols
    assert (symbol.max, symbol.inputs) == (16, (("x", 0),))
    assert report.inputs[0]["shape"] == [symbol.name, 8]
    assert report.outputs[0]["shape"] == [symbol.name, 4]
    assert report.ops("torch-raw")[0].op == "aten.linear"
    assert not {op.how for op in report.ops("torch")} - {"lowered", ""}
    assert "linalg.matmul" in {op.op for op in report.ops("linalg")}
    with pytest.raises(linalgd.InputError, match="no level 'llvm'"):
        report.ops("llvm")
    again = client.explain(program.save("limited"))
    assert (again.cached, again.key) == (True, report.key)
    assert again.json() == report.json()


def test_parameters_and_state(client: linalgd.Client) -> None:
    report = client.explain(Writes(), (torch.zeros(2, 8),))
    weights = {weight.slot: weight for weight in report.weights}
    tied = [weight for weight in report.weights if weight.dtype == "float32"]
    assert sum(weight.bytes for weight in tied if not weight.shares) == 128
    assert weights["count"].kind == "buffer"
    assert report.weight_bytes == 128 + 24
    assert [(entry["slot"], entry["shape"]) for entry in report.state] == [("count", [3])]
    assert {op.op: op.how for op in report.ops()}["aten.add_.Tensor"] == "functionalized"
    assert report.unbound == []
    with torch.device("meta"):
        unbound = client.explain(nn.Linear(8, 4), (torch.zeros(2, 8),))
    assert sorted(unbound.unbound) == ["bias", "weight"]
    assert "without data" in str(unbound)
    assert unbound.key != client.explain(nn.Linear(8, 4), (torch.zeros(2, 8),)).key


def test_places_that_depend_on_data(client: linalgd.Client) -> None:
    class Found(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nonzero(x) * 2

    report = client.explain(Found(), (torch.ones(4, 4),))
    (place,) = report.dynamic
    assert (place.op, place.symbols) == ("aten.nonzero", ("u0",))
    assert place.source is not None
    assert place.source.file == __file__
    assert [symbol.inputs for symbol in report.symbols if symbol.name == "u0"] == [()]
    assert "depends on data" in str(report)


def test_every_form_of_model(client: linalgd.Client, program: Program, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(8, 4), nn.ReLU()).eval()
    x = torch.zeros(2, 8)
    exported = torch.export.export(net, (x,))
    reports = [
        client.explain(net, (x,)),
        client.explain(exported),
        client.explain(torch.fx.symbolic_trace(net), (x,)),
        client.explain(torch.jit.trace(net, x), (x,)),
        client.explain(torch.jit.script(net), (x,)),
    ]
    for report in reports:
        assert report.supported, str(report)
        assert "aten.linear" in {op.op for op in report.ops()}
        assert report.inputs[0]["shape"] == [2, 8]
        assert report.weight_bytes == 144

    class Eigen(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigh(x)[0]

    traced = client.explain(torch.jit.trace(Eigen(), torch.eye(3)), (torch.eye(3),))
    assert [op.op for op in traced.unsupported] == ["aten.linalg_eigh"]


def test_models_that_are_mlir(
    client: linalgd.Client, linalgc: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    text = """
func.func @main(%x: !torch.vtensor<[?,8],f32>) -> !torch.vtensor<[?,8],f32> {
  %w = torch.vtensor.literal(dense_resource<w> : tensor<8xf32>) : !torch.vtensor<[8],f32>
  %0 = torch.aten.mul.Tensor %x, %w
      : !torch.vtensor<[?,8],f32>, !torch.vtensor<[8],f32> -> !torch.vtensor<[?,8],f32>
  %1 = torch.my.op %0 : !torch.vtensor<[?,8],f32> -> !torch.vtensor<[?,8],f32>
  return %1 : !torch.vtensor<[?,8],f32>
}
"""
    report = client.explain(text)
    assert [op.op for op in report.unsupported] == ["my.op"]
    source = report.unsupported[0].uses[0].source
    assert source is not None
    assert (source.file, source.line) == ("model.mlir", 6)
    assert [(node.op, node.how) for node in report.nodes] == [
        ("aten.mul.Tensor", "lowered"),
        ("my.op", "unsupported"),
    ]
    assert report.nodes[0].results == ("float32[?, 8]",)
    # What the unknown op makes of the size is not known.
    assert [(symbol.name, symbol.inputs) for symbol in report.symbols] == [("s0", (("arg0", 0),)), ("u0", ())]
    assert report.unbound == ["w"]
    kept = client.explain(text, keep_ops=["my.op"])
    assert kept.supported
    path, other = tmp_path / "one.mlir", tmp_path / "other.mlir"
    path.write_text(text)
    other.write_text(text.replace("mul.Tensor", "div.Tensor"))
    assert linalgc(path, "--keep-op", "my.op").stdout.startswith("The model compiles to linalg.\n")
    keys = linalgc("--key", path, other, "--keep-op", "my.op")
    assert keys.returncode == 1
    assert "aten.mul.Tensor" in keys.stdout
    assert "aten.div.Tensor" in keys.stdout
    linalg = client.submit(text.replace("torch.my.op", "torch.aten.relu")).result(timeout=60).text()
    lowered = client.explain(linalg)
    assert lowered.supported
    assert "linalg.generic" in {op.op for op in lowered.ops("linalg")}


def test_the_page(client: linalgd.Client, program: Program) -> None:
    report = client.explain(program.save("strange"))
    page = Page(report.html())
    assert page.rows == len(report.nodes)
    assert "nobody.knows_either" in page.text
    assert str(program.path) in page.text
    assert report._repr_html_().startswith("<iframe srcdoc=")


def test_names_are_escaped(client: linalgd.Client) -> None:
    class Odd(nn.Module):
        def forward(self, x: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {"<script>alert(1)</script>": x["<b>"] + 1}

    report = client.explain(Odd(), ({"<b>": torch.ones(2)},))
    assert "<script>alert" not in report.html()
    Page(report.html())


def test_linalgc(
    linalgc: Callable[..., subprocess.CompletedProcess[str]], program: Program, tmp_path: Path
) -> None:
    good = linalgc(program.save("static"))
    assert good.returncode == 0, good.stderr
    assert good.stdout.startswith("The model compiles to linalg.\n")
    bad = linalgc(program.save("strange"))
    assert bad.returncode == 1
    assert "nobody.knows  x2" in bad.stdout
    parsed = json.loads(linalgc(program.save("strange"), "--json").stdout)
    assert (parsed["schema"], parsed["version"]) == ("linalgd.report", 1)
    page = linalgc(program.save("strange"), "--html", "page.html")
    assert (page.returncode, page.stdout) == (1, "")
    assert Page((tmp_path / "page.html").read_text()).rows == len(parsed["nodes"])
    traced = linalgc(program.save("traced"), "--input", "x:float32[?,8]")
    assert traced.returncode == 0, traced.stderr
    assert re.search(r"x +float32\[s0, 8\]", traced.stdout)
    (tmp_path / "broken.pt2").write_bytes(b"PK\x03\x04 nothing")
    broken = linalgc("broken.pt2")
    assert broken.returncode == 1
    assert "error:" in broken.stderr
    assert linalgc("nowhere.pt2").returncode == 2
    assert linalgc(program.save("static"), program.save("dynamic")).returncode == 2


def test_without_a_daemon(program: Program) -> None:
    command = [str(binary("linalgd-compile")), str(program.save("static")), "--emit", "report"]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(made.stdout)["supported"] is True


def test_a_report_is_about_its_submitter(client: linalgd.Client, tmp_path: Path) -> None:
    """Two models of one key, whose lines differ, have reports of their own."""

    class Here(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    class There(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1

    x = (torch.ones(3),)
    here, there = client.explain(Here(), x), client.explain(There(), x)
    assert here.key != there.key
    assert client.explain_key(Here(), x).key == client.explain_key(There(), x).key
    lines = [report.nodes[0].source.line for report in (here, there) if report.nodes[0].source]
    assert lines[1] == lines[0] + 4
