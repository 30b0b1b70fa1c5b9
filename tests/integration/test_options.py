"""What each option of a request does, through a real daemon and both clients."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from archives import slow
from torch import nn
from torch.nn import functional

import linalgd
from daemon import Daemon, binary
from models.comparison import assert_like_eager

HERE = str(Path(__file__))
STAGES = ["torch-raw", "torch", "linalg", "llvm", "executable"]


class Small(nn.Module):
    """A convolution, a norm, and the ops that backends like to keep."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 3, 12, 12) to (batch, 10)."""
        x = functional.gelu(self.norm(self.conv(x)))
        x = functional.max_pool2d(x, 2).mean((2, 3))
        x.add_(1)
        return torch.softmax(self.head(x), dim=-1)


SAMPLE = torch.linspace(-2, 2, 2 * 3 * 12 * 12).reshape(2, 3, 12, 12)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return Small().eval()


@pytest.fixture(scope="module")
def program(model: nn.Module) -> Any:
    shapes = ({0: torch.export.Dim("batch")},)
    return torch.export.export(model, (SAMPLE,), dynamic_shapes=shapes)


@pytest.fixture(scope="module")
def saved(program: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("options") / "small.pt2"
    torch.export.save(program, path)
    return path


def linalgc(daemon: Daemon, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [str(binary("linalgc")), "--server", daemon.address, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def opt(program: str, text: str) -> str:
    """The text after a way through an mlir-opt."""
    done = subprocess.run([program], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[:2000]
    return done.stdout


def line_of(mark: str) -> int:
    """The number of the one line of this file that ends with a mark."""
    lines = Path(HERE).read_text().splitlines()
    (number,) = (n for n, text in enumerate(lines, 1) if text.endswith(f"# {mark}"))
    return number


@pytest.mark.parametrize("emit", STAGES)
def test_both_clients_get_each_stage(
    client: linalgd.Client, daemon: Daemon, saved: Path, tmp_path: Path, emit: str
) -> None:
    artifact = client.submit(saved, emit=emit).result(timeout=60)
    answer = linalgc(daemon, "--json", "compile", saved, "--emit", emit, "-o", tmp_path / "out")
    assert answer.returncode == 0, answer.stderr
    assert (json.loads(answer.stdout)["key"], artifact.stage) == (artifact.key, emit)
    data = (tmp_path / "out").read_bytes()
    assert data == artifact.data()
    marks = {
        "torch-raw": b"torch.aten.add_.Scalar",
        "torch": b"!torch.vtensor<[?,3,12,12],f32>",
        "linalg": b"linalg.conv_2d",
        "llvm": b"define ",
        "executable": b"\x7fELF",
    }
    assert marks[emit] in data
    assert (artifact.target != "") == (emit in ("llvm", "executable"))


@pytest.mark.parametrize("emit", ["torch-raw", "torch", "linalg"])
def test_text_round_trips(client: linalgd.Client, saved: Path, emit: str) -> None:
    text = client.submit(saved, emit=emit).result(timeout=60).text()
    once = opt(str(binary("linalgd-opt")), text)
    assert opt(str(binary("linalgd-opt")), once) == once


# --- Locations ---

FILE = re.compile(r'"([^"]+\.py)":(\d+):\d+')


def located_ops(text: str) -> list[tuple[str, set[tuple[str, int]]]]:
    """The ops of the function's body as lines, with the Python lines that the location of each leads to.

    Symbols are of the whole function: they have no place.
    """
    aliases = dict(re.findall(r"^(#loc\d*) = loc\((.*)\)$", text, re.MULTILINE))

    def places(location: str) -> set[tuple[str, int]]:
        found = {(file, int(line)) for file, line in FILE.findall(location)}
        for alias in re.findall(r"#loc\d*", location):
            found |= places(aliases[alias])
        return found

    body = text[text.index("func.func") : text.index("\n  } loc(")].splitlines()[1:]
    located = []
    for line in body:
        tail = re.search(r" loc\(([^()]*)\)$", line)
        if tail and "symbolic_" not in line:
            located.append((line.strip(), places(tail[1])))
    return located


def test_python_locations_are_on_every_op(client: linalgd.Client, program: Any) -> None:
    for emit in ("torch", "linalg"):
        text = client.submit(program, emit=emit, locations="python").result(timeout=60).text()
        ops = located_ops(text)
        assert len(ops) > 20
        first, last = line_of_forward()
        for line, places in ops:
            assert places, line
            assert all(file == HERE and first <= number <= last for file, number in places), (line, places)


def line_of_forward() -> tuple[int, int]:
    start = Small.forward.__code__.co_firstlineno
    last = max(number for _, _, number in Small.forward.__code__.co_lines() if number)
    return start, last


def test_python_locations_name_the_line_itself(client: linalgd.Client, program: Any) -> None:
    text = client.submit(program, locations="python").result(timeout=60).text()
    _, last = line_of_forward()
    for op, line in (("linalg.conv_2d", last - 3), ("linalg.matmul", last), ("math.erf", last - 3)):
        places = [places for text_line, places in located_ops(text) if op in text_line]
        assert places, op
        assert all(found == {(HERE, line)} for found in places), (op, places)


def test_default_locations_are_node_ids(client: linalgd.Client, program: Any) -> None:
    text = client.submit(program).result(timeout=60).text()
    assert HERE not in text
    assert '.py"' not in text
    assert 'loc("n1")' in text


# --- Diagnostics ---


class Unknown(nn.Module):
    """Two ops that nobody knows."""

    def forward(self, x: torch.Tensor) -> Any:
        """Anything."""
        y = torch.ops.linalgd_tests.mystery(x + 1)  # mystery
        return torch.ops.linalgd_tests.riddle(y * y)  # riddle


@pytest.fixture(scope="module")
def unknown() -> Any:
    library = torch.library.Library("linalgd_tests", "DEF")
    for name in ("mystery", "riddle"):
        library.define(f"{name}(Tensor x) -> Tensor")
        torch.library.register_fake(f"linalgd_tests::{name}", torch.empty_like, lib=library)
    program = torch.export.export(Unknown(), (torch.ones(3),))
    yield program
    library._destroy()


def test_unknown_ops_are_named_all_at_once(
    client: linalgd.Client, daemon: Daemon, unknown: Any, tmp_path: Path
) -> None:
    expected = [(f"torch.linalgd_tests.{name}", HERE, line_of(name)) for name in ("mystery", "riddle")]
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(unknown).result(timeout=60)
    assert caught.value.code == "UNIMPLEMENTED"
    assert [
        (found.op, found.location and found.location.file, found.location and found.location.line)
        for found in caught.value.diagnostics
    ] == expected

    torch.export.save(unknown, tmp_path / "unknown.pt2")
    for emit in ("linalg", "executable"):
        done = linalgc(daemon, "compile", tmp_path / "unknown.pt2", "--emit", emit, "-o", tmp_path / "out")
        assert done.returncode == 1
        for op, file, line in expected:
            assert re.search(rf"^{re.escape(file)}:{line}: error: .*'{op}'", done.stderr, re.MULTILINE)
        assert "2 ops of the model are not supported" in done.stderr
    answer = linalgc(daemon, "--json", "compile", tmp_path / "unknown.pt2", "-o", tmp_path / "out")
    assert [found["op"] for found in json.loads(answer.stdout)["diagnostics"]] == [
        op for op, _, _ in expected
    ]
    assert not (tmp_path / "out").exists()
    # Kept, they are no obstacle.
    text = (
        client.submit(unknown, keep_ops=["linalgd_tests.mystery", "linalgd_tests.riddle"]).result(60).text()
    )
    assert 'torch.operator "torch.linalgd_tests.mystery"' in text


# --- keep_ops ---


@pytest.mark.parametrize(
    ("name", "op"),
    [
        ("aten.softmax", "torch.aten.softmax.int"),
        ("aten.softmax.int", "torch.aten.softmax.int"),
        ("torch.aten.gelu", "torch.aten.gelu"),
        ("aten.linear", "torch.aten.linear"),
        ("aten.conv2d.default", "torch.aten.conv2d"),
        ("aten.batch_norm", "torch.aten.batch_norm"),
        ("aten.max_pool2d", "torch.aten.max_pool2d"),
        ("aten.add", "torch.aten.add.Scalar"),
        ("aten.mean", "torch.aten.mean.dim"),
    ],
)
def test_kept_ops_stay(client: linalgd.Client, program: Any, name: str, op: str) -> None:
    assert f"{op} " not in client.submit(program).result(timeout=60).text()
    text = client.submit(program, keep_ops=[name]).result(timeout=60).text()
    assert f"{op} " in text
    assert "linalg." in text
    once = opt(str(binary("linalgd-opt")), text)
    assert f"{op} " in once
    assert opt(str(binary("linalgd-opt")), once) == once


def test_all_can_be_kept(client: linalgd.Client, daemon: Daemon, saved: Path, tmp_path: Path) -> None:
    kept = ["aten.softmax", "aten.gelu", "aten.linear"]
    arguments = [part for name in kept for part in ("--keep-op", name)]
    done = linalgc(daemon, "compile", saved, *arguments, "-o", tmp_path / "kept.mlir")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "kept.mlir").read_text()
    assert text == client.submit(saved, keep_ops=kept).result(timeout=60).text()
    for op in ("softmax.int", "gelu", "linear"):
        assert f"torch.aten.{op} " in text


def test_unknown_kept_ops_are_refused(
    client: linalgd.Client, daemon: Daemon, saved: Path, tmp_path: Path
) -> None:
    with pytest.raises(linalgd.CompileError, match=r"'aten\.sofmax'.*is it 'aten\.softmax'\?") as caught:
        client.submit(saved, keep_ops=["aten.sofmax"]).result(timeout=60)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert [found.code for found in caught.value.diagnostics] == ["invalid-options"]
    done = linalgc(daemon, "compile", saved, "--keep-op", "softmax", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "'softmax' is neither an op of the model nor one that linalgd knows" in done.stderr
    with pytest.raises(linalgd.CompileError, match="keep_ops is for emit=linalg"):
        client.submit(saved, emit="executable", keep_ops=["aten.gelu"]).result(timeout=60)


# --- Weights ---


def test_weights_in_text(client: linalgd.Client, model: nn.Module, saved: Path) -> None:
    weight = model.get_submodule("conv").weight.detach().numpy()
    plain = client.submit(saved).result(timeout=60)
    assert "dialect_resources" not in plain.text()
    assert "dense_resource<conv.weight> : tensor<8x3x3x3xf32>" in plain.text()
    for artifact, way in (
        (plain, "inline"),
        (client.submit(saved, weights="inline").result(timeout=60), "inline"),
    ):
        text = artifact.text(weights=way)  # type: ignore[arg-type]
        assert weight.tobytes().hex().upper() in text.upper()
        opt("mlir-opt-22", text)
    assert client.submit(saved, weights="external").result(timeout=60).text() == plain.text()


def test_params_text(client: linalgd.Client, daemon: Daemon, saved: Path, tmp_path: Path) -> None:
    done = linalgc(daemon, "compile", saved, "--weights", "params", "-o", tmp_path / "params.mlir")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "params.mlir").read_text()
    slots = ["conv.weight", "head.bias", "head.weight", "norm.bias", "norm.running_mean"]
    for slot in slots:
        assert f'initial_value = #flow.parameter.named<"model"::"{slot}"> : tensor<' in text
    assert "dense_resource" not in text
    assert text.count("util.global.load") == text.count("#flow.parameter.named")


@pytest.mark.parametrize("weights", ["inline", "params"])
def test_executables_have_no_text(client: linalgd.Client, saved: Path, weights: Any) -> None:
    with pytest.raises(linalgd.CompileError, match=f"weights={weights} is for emit=linalg") as caught:
        client.submit(saved, emit="executable", weights=weights).result(timeout=60)
    assert caught.value.code == "INVALID_ARGUMENT"


def test_weights_of_executables(
    client: linalgd.Client, model: nn.Module, saved: Path, tmp_path: Path
) -> None:
    expected = model(SAMPLE)
    embedded = client.submit(saved, emit="executable").result(timeout=60)
    assert_like_eager(embedded.load()(SAMPLE), expected)
    external = client.submit(saved, emit="executable", weights="external").result(timeout=60)
    assert_like_eager(external.load()(SAMPLE), expected)
    path = external.save(tmp_path / "external.so")
    lonely = tmp_path / "lonely.so"
    lonely.write_bytes(path.read_bytes())
    with pytest.raises(linalgd.InputError, match="has no data"):
        linalgd.load(lonely)(SAMPLE)
    values = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    assert_like_eager(linalgd.load(lonely, weights=values)(SAMPLE), expected)
    values["head.bias"] = values["head.bias"] + np.float32(5) * np.arange(10, dtype=np.float32)
    assert np.argmax(linalgd.load(lonely, weights=values)(SAMPLE.numpy()), axis=-1).tolist() == [9, 9]


# --- Targets ---


def has_avx512() -> bool:
    wanted = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
    return wanted <= set(Path("/proc/cpuinfo").read_text().split())


@pytest.mark.parametrize("target", ["x86-64-v2", "x86-64-v3", "x86-64-v4", None])
def test_targets(
    client: linalgd.Client, daemon: Daemon, model: nn.Module, saved: Path, tmp_path: Path, target: str | None
) -> None:
    artifact = client.submit(saved, emit="executable", target=target).result(timeout=60)
    assert f":{target or client.info().default_target}:" in artifact.target
    path = artifact.save(tmp_path / "model.so")
    if target == "x86-64-v4" and not has_avx512():
        with pytest.raises(linalgd.ExecutionError, match="avx512"):
            linalgd.load(path)
        return
    for batch in (1, 2):
        assert_like_eager(linalgd.load(path)(SAMPLE[:batch]), model(SAMPLE[:batch]))
    np.save(tmp_path / "x.npy", SAMPLE.numpy())
    arguments = ("--input", tmp_path / "x.npy", "--output-dir", tmp_path, "--target", target or "")
    done = linalgc(daemon, "run", saved, *arguments)
    assert done.returncode == 0, done.stderr
    assert_like_eager(np.load(tmp_path / "output0.npy"), model(SAMPLE))


@pytest.mark.parametrize("target", ["x86-64-v9", "native", "riscv64-linux-gnu:generic:", "x86-64-v3:"])
def test_unknown_targets(
    client: linalgd.Client, daemon: Daemon, saved: Path, tmp_path: Path, target: str
) -> None:
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(saved, emit="executable", target=target).result(timeout=60)
    assert caught.value.code == "INVALID_ARGUMENT"
    for known in client.info().targets:
        assert known in caught.value.message
    done = linalgc(
        daemon, "compile", saved, "--emit", "executable", "--target", target, "-o", tmp_path / "out"
    )
    assert done.returncode == 1
    assert caught.value.message in done.stderr


def test_entry_names_the_function(client: linalgd.Client, saved: Path) -> None:
    text = client.submit(saved, entry="forward").result(timeout=60).text()
    assert "func.func @forward(" in text
    executable = client.compile(saved, entry="forward")
    assert executable.signature["entry"] == "forward"
    with pytest.raises(linalgd.InputError, match="'for ward' is not a function's name"):
        client.submit(saved, entry="for ward").result(timeout=60)


def test_a_draining_server_ends_what_runs(
    start_daemon: Callable[..., Daemon], program: Any, tmp_path: Path
) -> None:
    """`linalgc drain` from somewhere else: the job that runs ends well, others are refused."""
    daemon = start_daemon("--workers", "1")
    model = tmp_path / "slow.pt2"
    model.write_bytes(slow(150))
    with linalgd.Client(daemon.address) as client:
        job = client.submit(model, emit="executable")
        for event in job.events(timeout=60):
            if event.stage == "executable":
                break
        drained = subprocess.Popen([str(binary("linalgc")), "--server", daemon.address, "drain"])
        while not client.stats().draining:
            assert drained.poll() is None
        with pytest.raises(linalgd.ServerUnavailable):
            client.submit(program)
        done = linalgc(daemon, "compile", model, "--entry", "late", "-o", tmp_path / "late.mlir")
        assert done.returncode == 3
        artifact = job.result(timeout=60)
        assert drained.wait(60) == 0
        assert artifact.load()(np.ones((2, 4), np.float32)).shape == (2, 2)
    assert daemon.stop() == 0
