"""Keys, through a real daemon: what two saves of a model share, and what tells models apart."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from programs import Program

import linalgd
from daemon import Daemon, binary


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Program]:
    """The same models from two processes, folders and files; in the second one lines have moved."""
    folder = tmp_path_factory.mktemp("programs")
    one = Program(folder / "one", "net.py", "first-", batch=3)
    two = Program(folder / "two", "copied.py", "again-", batch=5, above="\n# A comment.\n")
    one.wait()
    two.wait()
    return one, two


@pytest.fixture(scope="module")
def first(programs: tuple[Program, Program]) -> Program:
    return programs[0]


@pytest.fixture(scope="module")
def again(programs: tuple[Program, Program]) -> Program:
    return programs[1]


def linalgc(daemon: Daemon, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [str(binary("linalgc")), "--server", daemon.address, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def compiled(client: linalgd.Client, model: Path, **options: Any) -> linalgd.Artifact:
    return client.submit(model, **options).result(timeout=60)


@pytest.mark.parametrize("emit", ["torch-raw", "torch", "linalg", "llvm", "executable"])
@pytest.mark.parametrize("model", ["static", "dynamic"])
def test_a_second_save_is_a_hit(
    client: linalgd.Client, first: Program, again: Program, model: str, emit: str
) -> None:
    assert first.save(model).read_bytes() != again.save(model).read_bytes()
    one = compiled(client, first.save(model), emit=emit, entry=f"second_{model}")
    two = compiled(client, again.save(model), emit=emit, entry=f"second_{model}")
    assert two.key == one.key
    assert (one.cached, two.cached) == (False, True)
    assert two.data() == one.data()


def test_a_second_save_is_a_hit_between_clients(
    client: linalgd.Client, daemon: Daemon, first: Program, again: Program, tmp_path: Path
) -> None:
    one = compiled(client, first.save("dynamic"), entry="clients")
    arguments = ("compile", again.save("dynamic"), "--entry", "clients", "-o", tmp_path / "m.mlir")
    answer = json.loads(linalgc(daemon, "--json", *arguments).stdout)
    assert (answer["key"], answer["cached"]) == (one.key, True)
    assert (tmp_path / "m.mlir").read_bytes() == one.data()


def test_a_second_save_of_torchscript_is_a_hit(
    client: linalgd.Client, first: Program, again: Program
) -> None:
    import numpy as np

    assert first.save("traced").read_bytes() != again.save("traced").read_bytes()
    keys: dict[str, str] = {}
    for emit in ("linalg", "executable"):
        for program, rows in ((first, 3), (again, 7)):
            inputs: dict[str, Any] = {"args": (np.full((rows, 8), rows, np.float32),)}
            inputs["dynamic_shapes"] = ({0: "batch"},)
            made = compiled(client, program.save("traced"), emit=emit, entry="traced", **inputs)
            assert made.cached == (program is again)
            assert keys.setdefault(emit, made.key) == made.key
        static = compiled(
            client, first.save("traced"), args=(np.zeros((3, 8), np.float32),), emit=emit, entry="traced"
        )
        assert static.key != keys[emit]


def test_a_second_save_of_scripted_torchscript_has_the_same_key(
    client: linalgd.Client, first: Program, again: Program
) -> None:
    import numpy as np

    mangled = [
        set(re.findall(rb"___torch_mangle_[0-9]+", program.save("scripted").read_bytes()))
        for program in (first, again)
    ]
    assert mangled[0] != mangled[1]
    one, two = (
        client.explain_key(program.save("scripted"), (np.zeros((3, 8), np.float32),))
        for program in (first, again)
    )
    assert str(one.compare(two)) == "The keys are equal."


def test_captured_graphs_have_keys_of_their_graphs(client: linalgd.Client) -> None:
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.linear(x))

    def key(model: Any, rows: int = 3) -> str:
        return client.explain_key(model, (torch.randn(rows, 8),)).key

    net = Net()
    assert key(net) == key(net) == key(Net())
    assert key(net, rows=4) != key(net)
    graph = torch.fx.symbolic_trace(net)
    renamed = torch.fx.symbolic_trace(Net())
    for node in renamed.graph.nodes:
        if node.op == "call_function":
            node.name = "another_name"
    renamed.recompile()
    assert key(graph) == key(renamed)
    for node in renamed.graph.nodes:
        if node.op == "call_function":
            node.target = torch.sigmoid
    renamed.recompile()
    assert key(graph) != key(renamed)


def test_what_a_key_is_made_of(client: linalgd.Client, daemon: Daemon, first: Program) -> None:
    model = first.save("static")
    for emit in ("torch-raw", "torch", "linalg", "llvm", "executable"):
        options: dict[str, Any] = {"entry": "made", "emit": emit}
        explained = client.explain_key(model, **options)
        assert explained.key == compiled(client, model, **options).key
        names = [component.name for component in explained.components]
        assert ("target" in names) == (emit in ("llvm", "executable"))
        assert ("weight data" in names) == (emit == "executable")
        assert ("keep_ops" in names) == (emit != "torch-raw")
    components = {component.name: component for component in explained.components}
    assert [line.text for line in components["entry"].lines] == ["made"]
    assert any("program=" in line.text for line in components["build"].lines)
    (relu,) = [line for line in components["graph"].lines if "aten.relu" in line.text]
    assert relu.source is not None
    assert (relu.source.file, relu.source.line) == (str(first.path), first.line("relu"))
    printed = linalgc(daemon, "explain", "--key", model, "--entry", "made")
    assert printed.returncode == 0
    assert printed.stdout == str(explained)
    assert explained.key in printed.stdout
    with pytest.raises(linalgd.InputError, match="no artifact of 'llvm'"):
        client.explain_key(model, emit="llvm", keep_ops=["aten.linear"])


@pytest.mark.parametrize(
    ("other", "emit", "component", "parts", "mark"),
    [
        ("scale", "linalg", "graph", ("other=1.5", "other=1.25"), "scale"),
        ("dim", "linalg", "graph", ("dim=-1", "dim=0"), "softmax"),
        ("rows", "linalg", "graph", ("float32[3", "float32[5"), None),
        ("weights", "executable", "weight data", None, None),
    ],
)
def test_the_first_difference(
    client: linalgd.Client,
    daemon: Daemon,
    first: Program,
    other: str,
    emit: str,
    component: str,
    parts: tuple[str, str] | None,
    mark: str | None,
) -> None:
    models = first.save("static"), first.save(other)
    one, two = (client.explain_key(model, emit=emit) for model in models)
    compared = one.compare(two)
    assert not compared.equal
    (difference,) = compared.differences
    assert difference.component == component
    assert parts is None or difference.parts == parts
    for line in (difference.one, difference.other):
        assert line is not None
        assert (line.source.line if line.source else None) == (mark and first.line(mark))
    told = linalgc(daemon, "--json", "explain", "--key", *models, "--emit", emit)
    assert told.returncode == 1
    answer = json.loads(told.stdout)
    assert answer["keys"] == [one.key, two.key]
    assert answer["differences"][0]["component"] == component
    assert answer["differences"][0]["parts"] == list(difference.parts)
    printed = linalgc(daemon, "explain", "--key", *models, "--emit", emit)
    assert f": {difference.parts[0]}  vs  {difference.parts[1]}\n" in printed.stdout
    if mark:
        assert f"{first.path}:{first.line(mark)} in forward" in printed.stdout


def test_no_difference(client: linalgd.Client, daemon: Daemon, first: Program, again: Program) -> None:
    one, two = (client.explain_key(program.save("dynamic")) for program in (first, again))
    assert str(one.compare(two)) == "The keys are equal."
    printed = linalgc(daemon, "explain", "--key", first.save("static"), again.save("static"))
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.startswith("One key at linalg: ")
    # New weights are a new key of what holds them.
    same = linalgc(daemon, "explain", "--key", first.save("static"), first.save("weights"))
    assert same.returncode == 0


def test_every_option_is_in_the_key(client: linalgd.Client, first: Program) -> None:
    def key(**options: Any) -> str:
        return compiled(client, first.save("static"), **options).key

    emitted = {emit: key(emit=emit) for emit in ("torch-raw", "torch", "linalg", "llvm", "executable")}
    changed = {
        "v2": key(emit="executable", target="x86-64-v2"),
        "v4": key(emit="executable", target="x86-64-v4"),
        "v2 llvm": key(emit="llvm", target="x86-64-v2"),
        "external": key(emit="executable", weights="external"),
        "inline": key(weights="inline"),
        "params": key(weights="params"),
        "keep": key(keep_ops=["aten.linear"]),
        "keep other": key(keep_ops=["aten.softmax"]),
        "keep both": key(keep_ops=["aten.softmax", "aten.linear"]),
        "entry": key(entry="forward"),
        "locations": key(locations="python"),
    }
    distinct = [*emitted.values(), *changed.values()]
    assert len(set(distinct)) == len(distinct)
    # Spelled otherwise, they are the same options.
    assert key(emit="executable", target="x86-64-v3") == emitted["executable"]
    assert key(keep_ops=["torch.aten.linear", "aten.softmax", "aten.linear"]) == changed["keep both"]
    assert key(weights="external") == emitted["linalg"]


def test_every_part_of_the_model_is_in_the_key(client: linalgd.Client, first: Program) -> None:
    names = ["static", "dynamic", "limited", "rows", "width", "scale", "dim", "constant", "dtype", "input"]
    keys = {name: compiled(client, first.save(name), emit="torch-raw").key for name in names}
    assert len(set(keys.values())) == len(names), keys


def test_new_weights(client: linalgd.Client, first: Program, again: Program) -> None:
    def make(program: Program, name: str, **options: Any) -> linalgd.Artifact:
        return compiled(client, program.save(name), entry="weights", **options)

    for options in ({}, {"weights": "params"}, {"emit": "executable", "weights": "external"}):
        old, new = make(first, "static", **options), make(first, "weights", **options)
        assert (new.key, new.cached) == (old.key, True), options
        # Its own weights, not those of the first submitter.
        assert {weight.digest for weight in new.weights}.isdisjoint(weight.digest for weight in old.weights)
    for options in ({"weights": "inline"}, {"emit": "executable"}):
        old, new = make(first, "static", **options), make(first, "weights", **options)
        assert new.key != old.key, options
        assert (old.cached, new.cached) == (False, False)
        same = make(again, "weights", **options)
        assert (same.key, same.cached) == (new.key, True)


def test_new_weights_give_new_results(client: linalgd.Client, first: Program, tmp_path: Path) -> None:
    import numpy as np

    x = np.linspace(-1, 1, 24, dtype=np.float32).reshape(3, 8)
    results = []
    for name in ("static", "weights"):
        embedded = client.compile(first.save(name), entry="results")(x)
        external = compiled(
            client, first.save(name), emit="executable", weights="external", entry="results"
        ).save(tmp_path / f"{name}.so")
        np.testing.assert_array_equal(linalgd.load(external)(x), embedded)
        results.append(embedded)
    assert np.abs(results[0] - results[1]).max() > 1e-3


def test_diagnostics_have_the_places_of_their_submitter(
    client: linalgd.Client, daemon: Daemon, first: Program, again: Program, tmp_path: Path
) -> None:
    assert again.line("knows") == first.line("knows") + 2
    for program in (first, again):
        with pytest.raises(linalgd.CompileError) as caught:
            compiled(client, program.save("strange"), entry="strange")
        assert caught.value.code == "UNIMPLEMENTED"
        found = [
            (diagnostic.op, diagnostic.location.file, diagnostic.location.line)
            for diagnostic in caught.value.diagnostics
            if diagnostic.location
        ]
        knows, either = program.line("knows"), program.line("either")
        assert found == [
            ("torch.nobody.knows", str(program.path), knows),
            ("torch.nobody.knows", str(program.path), either),
            ("torch.nobody.knows_either", str(program.path), either),
        ]
        model = program.save("strange")
        printed = linalgc(daemon, "compile", model, "--entry", "strange", "-o", tmp_path / "out")
        assert printed.returncode == 1
        for line in (knows, either):
            assert f"{program.path}:{line}: error: " in printed.stderr
    assert list(tmp_path.iterdir()) == []


def test_python_locations_are_in_the_key(client: linalgd.Client, first: Program, again: Program) -> None:
    one = compiled(client, first.save("static"), locations="python", entry="located")
    two = compiled(client, again.save("static"), locations="python", entry="located")
    assert one.key != two.key
    assert f'"{first.path}":{first.line("softmax")}:' in one.text()
    assert f'"{again.path}":{again.line("softmax")}:' in two.text()
    plain = compiled(client, first.save("static"), entry="located")
    assert str(first.path) not in plain.text()
