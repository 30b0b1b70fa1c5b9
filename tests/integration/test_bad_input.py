"""Whatever is sent, the answer is a clear error, and the daemon and its store are as before."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import torch
from archives import MODEL, WEIGHTS, edited, entries_of, pack, patched, slow
from stubs import DEADLINE, Stubs, digest_of, workers_of
from torch import nn

import linalgd
from daemon import Daemon, binary
from linalgd.v1 import blob_pb2

UPLOAD_TTL = 1.0
JOB_TIMEOUT = 8.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad-input")


@pytest.fixture(scope="module")
def daemon(folder: Path) -> Iterator[Daemon]:
    """One server for all that is bad."""
    flags = ("--workers", "2", "--worker-memory", "1GiB")
    times = ("--upload-ttl", f"{UPLOAD_TTL:g}s", "--job-timeout", f"{JOB_TIMEOUT:g}s")
    with Daemon(folder, *flags, *times) as running:
        yield running


@pytest.fixture(scope="module")
def good(folder: Path) -> Path:
    path = folder / "good.pt2"
    path.write_bytes(pack(entries_of("mlp")))
    return path


@pytest.fixture
def stubs(daemon: Daemon) -> Iterator[Stubs]:
    connected = Stubs(daemon)
    yield connected
    connected.close()


@pytest.fixture
def worker_restarts() -> int | None:
    """How often a test makes a worker end, None where that varies; a test that does says so itself."""
    return 0


@pytest.fixture(autouse=True)
def unharmed(
    daemon: Daemon, client: linalgd.Client, good: Path, folder: Path, worker_restarts: int | None
) -> Iterator[None]:
    """After each test: nothing is left over, no worker ended, and a new job is served."""
    before = client.stats()
    yield
    deadline = time.monotonic() + DEADLINE
    while leftovers(folder) or client.stats().jobs_running + client.stats().jobs_queued:
        assert time.monotonic() < deadline, leftovers(folder)
        time.sleep(0.05)
    made = client.submit(good, emit="torch", entry=f"after_{uuid.uuid4().hex}").result(timeout=DEADLINE)
    assert (made.cached, "torch.aten.linear" in made.text()) == (False, True)
    while worker_restarts and client.stats().worker_restarts < before.worker_restarts + worker_restarts:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if worker_restarts is not None:
        assert client.stats().worker_restarts == before.worker_restarts + worker_restarts
    assert daemon.process.poll() is None


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in (folder / "store" / "temporary").iterdir()]


def linalgc(daemon: Daemon, *arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [str(binary("linalgc")), "--server", daemon.address, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


# --- Files ---

GOOD = pack(entries_of("mlp"))


def without(name: str) -> bytes:
    return pack({path: data for path, data in entries_of("mlp").items() if path != name})


def replaced(**entries: bytes) -> bytes:
    return pack({**entries_of("mlp"), **entries})


FILES: dict[str, tuple[bytes, str]] = {
    "text": (b"not a model\n" * 100, r"not a valid ZIP archive: it has no end record"),
    "truncated at its start": (GOOD[:100], r"the file is truncated or of another kind"),
    "truncated in its middle": (GOOD[: len(GOOD) // 2], r"the file is truncated or of another kind"),
    "truncated at its end": (GOOD[:-1], r"the file is truncated or of another kind"),
    "truncated before its directory": (
        patched(GOOD, 16, "<I", len(GOOD), record=b"PK\x05\x06"),
        r"its directory lies outside the file",
    ),
    "no model": (pack({"readme": b"hello"}), r"neither a torch\.export archive \(\.pt2\) nor a TorchScript"),
    "of other software": (without("archive_format"), r"has no file 'archive_format'"),
    "bomb": (
        pack(entries_of("mlp"), ("model/x", bytes(300 << 20)), compression=zipfile.ZIP_DEFLATED),
        r"its compressed entries hold more than 268435456 bytes",
    ),
    "compressed": (
        pack(entries_of("mlp"), compression=zipfile.ZIP_DEFLATED),
        r"'archive_format' is compressed; PyTorch stores it as it is",
    ),
    "entry beyond the file": (
        patched(GOOD, 20, "<II", 0xFFFFFFF0, 0xFFFFFFF0),
        r"entry 'model/\S+' of 4294967280 bytes lies outside the file",
    ),
    "entry without header": (
        patched(GOOD, 42, "<I", 7),
        r"entry 'model/\S+' has no header where the directory",
    ),
    "entry of another name": (
        patched(GOOD, 42, "<I", 0),
        r"entry 'model/\S+' has another name in its own header",
    ),
    "entry of two sizes": (patched(GOOD, 20, "<II", 1, 2), r"entry 'model/\S+' has two sizes, 1 and 2"),
    "encrypted": (patched(GOOD, 8, "<H", 1), r"entry 'model/\S+' is encrypted"),
    "parent folder": (replaced(**{"../../evil": b""}), r"'model/\.\./\.\./evil' in the model is not a plain"),
    "absolute path": (
        pack(entries_of("mlp"), ("/etc/passwd", b"")),
        r"'/etc/passwd' in the model is not a plain",
    ),
    "backslash": (replaced(**{"..\\evil": b""}), r"holds a backslash or control character"),
    "escape sequence": (replaced(**{"\x1b[31m": b""}), r"'(model/)?\\x1b\[31m' in the model holds"),
    "two of one name": (
        pack(entries_of("mlp"), ("model/archive_format", b"pt2")),
        r"the model has two files named 'model/archive_format'",
    ),
    "format": (replaced(archive_format=b"pt3"), r"archive_format is 'pt3', expected 'pt2'"),
    "byte order": (replaced(byteorder=b"big"), r"the byte order of the weights is 'big'"),
    "no program": (without(MODEL), r"the archive has no models/\*\.json"),
    "two programs": (replaced(**{"models/b.json": b"{}"}), r"the archive holds 2 models"),
    "no weights table": (without(WEIGHTS), r"has no file 'data/weights/model_weights_config\.json'"),
    "broken JSON": (replaced(**{MODEL: b'{"graph_module": ['}), r"models/model\.json is not valid JSON"),
    "no UTF-8": (replaced(**{MODEL: b'{"a\xff": 1}'}), r"models/model\.json is not valid JSON: .*\\xff"),
    "deep JSON": (replaced(**{MODEL: b"[" * 1000000}), r"models/model\.json nests more than 256 levels deep"),
    "short weight": (
        replaced(**{"data/weights/weight_0": bytes(124)}),
        r"config\.first\.weight\.tensor_meta: the tensor needs 128 bytes of float32, its storage has 124",
    ),
    "no weight": (
        without("data/weights/weight_0"),
        r"config\.first\.weight: the archive has no file data/weights/weight_0",
    ),
}


def rejected(client: linalgd.Client, model: Path, pattern: str, **options: Any) -> linalgd.CompileError:
    """The error of a model that cannot be read: it names the reason and place, and leaves nothing."""
    before = client.stats().artifacts
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(model, **options).result(timeout=DEADLINE)
    error = caught.value
    assert re.search(pattern, error.message), error.message
    assert len(error.message) < 1000
    assert error.code in ("INVALID_ARGUMENT", "UNIMPLEMENTED")
    kind = "invalid-model" if error.code == "INVALID_ARGUMENT" else "unsupported-model"
    assert error.diagnostics[0].code == kind
    assert client.stats().artifacts == before
    return error


@pytest.mark.parametrize("name", FILES)
def test_bad_files(client: linalgd.Client, daemon: Daemon, tmp_path: Path, name: str) -> None:
    data, pattern = FILES[name]
    path = tmp_path / "model.pt2"
    path.write_bytes(data)
    error = rejected(client, path, pattern)
    done = linalgc(daemon, "compile", path, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert error.message in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.pt2"]


# --- What a .pt2 says ---


def graph(document: Any) -> Any:
    return document["graph_module"]["graph"]


def node(document: Any, index: int = 0) -> Any:
    return graph(document)["nodes"][index]


def value(document: Any) -> Any:
    return graph(document)["tensor_values"]["linear"]


def weight(document: Any) -> Any:
    return document["config"]["first.weight"]["tensor_meta"]


def spec(document: Any) -> Any:
    return document["graph_module"]["module_call_graph"][0]["signature"]


NODE = r"^models/model\.json: graph_module\.graph\.nodes\[0\]"
VALUE = r"^models/model\.json: graph_module\.graph\.tensor_values\.linear"
META = r"^data/weights/model_weights_config\.json: config\.first\.weight\.tensor_meta"

CLAIMS: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "unknown tag": (
        MODEL,
        lambda d: node(d)["inputs"][0].update(arg={"as_surprise": 1}),
        NODE + r"\.inputs\[0\]\.arg\.as_surprise: unknown kind of argument",
    ),
    "two tags": (
        MODEL,
        lambda d: node(d)["inputs"][0].update(arg={"as_int": 1, "as_bool": True}),
        NODE + r"\.inputs\[0\]\.arg: expected an object with one field",
    ),
    "unknown field": (MODEL, lambda d: node(d).update(extra=1), NODE + r"\.extra: unknown field"),
    "missing field": (MODEL, lambda d: node(d).pop("target"), NODE + r"\.target: the field is missing"),
    "wrong kind": (
        MODEL,
        lambda d: graph(d).update(nodes={}),
        r"graph_module\.graph\.nodes: expected an array, found object",
    ),
    "no object": (MODEL, lambda d: d.clear(), r"^models/model\.json: schema_version: the field is missing"),
    "newer schema": (
        MODEL,
        lambda d: d["schema_version"].update(major=9),
        r"schema_version\.major: the export schema has version 9; this linalgd reads versions 7 and 8",
    ),
    "unknown dtype": (MODEL, lambda d: value(d).update(dtype=99), VALUE + r"\.dtype: unknown dtype 99"),
    "negative size": (
        MODEL,
        lambda d: value(d)["sizes"][1].update(as_int=-3),
        VALUE + r"\.sizes\[1\]\.as_int: a size cannot be -3",
    ),
    "absurd size": (
        MODEL,
        lambda d: value(d)["sizes"][1].update(as_int=2**63 - 1),
        VALUE + r"\.sizes\[1\]: the tensor's sizes are absurd",
    ),
    "size beyond 64 bits": (
        MODEL,
        lambda d: value(d)["sizes"][1].update(as_int=10**40),
        VALUE + r"\.sizes\[1\]\.as_int: expected an integer of 64 bits",
    ),
    "fraction": (
        MODEL,
        lambda d: value(d)["sizes"][1].update(as_int=8.5),
        VALUE + r"\.sizes\[1\]\.as_int: expected an integer of 64 bits",
    ),
    "absurd rank": (
        MODEL,
        lambda d: value(d).update(sizes=[{"as_int": 1}] * 100_000),
        VALUE + r"\.sizes: a tensor has at most 64 dimensions, not 100000",
    ),
    "code for a size": (
        MODEL,
        lambda d: value(d)["sizes"][0]["as_expr"].update(expr_str="__import__('os').system('id')"),
        VALUE + r"\.sizes\[0\]\.as_expr\.expr_str: unknown function '__import__'",
    ),
    "deep expression": (
        MODEL,
        lambda d: value(d)["sizes"][0]["as_expr"].update(expr_str="Add(" * 100_000),
        VALUE + r"\.sizes\[0\]\.as_expr\.expr_str: more than 200 levels of nesting",
    ),
    "empty range": (
        MODEL,
        lambda d: [r.update(min_val=9, max_val=2) for r in d["range_constraints"].values()],
        r"range_constraints\.s\d+: the range is empty",
    ),
    "undefined value": (
        MODEL,
        lambda d: node(d)["inputs"][0]["arg"]["as_tensor"].update(name="nobody"),
        NODE + r"\.inputs\[0\]\.arg\.as_tensor\.name: no value named 'nobody' was defined before",
    ),
    "use before definition": (
        MODEL,
        lambda d: graph(d)["nodes"].reverse(),
        NODE + r"\.inputs\[0\]\.arg\.as_tensor\.name: no value named 'relu_' was defined before",
    ),
    "no name of an op": (
        MODEL,
        lambda d: node(d).update(target="torch.ops.aten.\x1b[31m"),
        NODE + r"\.target: 'aten\.\\x1b\[31m' is not the name of an op",
    ),
    "fewer inputs": (
        MODEL,
        lambda d: graph(d)["inputs"].pop(),
        r"graph_module\.graph\.inputs: the graph has 4 inputs, its signature 5",
    ),
    "no outputs": (
        MODEL,
        lambda d: graph(d)["outputs"].clear(),
        r"graph_module\.graph\.outputs: the graph has 0 outputs, its signature 1",
    ),
    "deep tree spec": (
        MODEL,
        lambda d: spec(d).update(in_spec="[" * 100_000),
        r"module_call_graph\[0\]\.signature\.in_spec: the tree spec nests more than 256 levels deep",
    ),
    "weight longer than its storage": (
        WEIGHTS,
        lambda d: weight(d)["sizes"][0].update(as_int=16),
        META + r": the tensor needs 256 bytes of float32, its storage has 128",
    ),
    "weight of another size": (
        WEIGHTS,
        lambda d: weight(d)["sizes"][0].update(as_int=4),
        r"the table of weights and the graph give 'first\.weight' different dtypes or sizes",
    ),
    "weight of another dtype": (
        WEIGHTS,
        lambda d: weight(d).update(dtype=4),
        r"the table of weights and the graph give 'first\.weight' different dtypes or sizes",
    ),
    "weight of absurd size": (
        WEIGHTS,
        lambda d: weight(d)["sizes"][0].update(as_int=2**63 - 1),
        META + r": the tensor's sizes are absurd",
    ),
    "weight at an absurd offset": (
        WEIGHTS,
        lambda d: weight(d)["storage_offset"].update(as_int=2**62),
        META + r": the tensor's sizes are absurd",
    ),
    "weight that repeats its storage": (
        WEIGHTS,
        lambda d: [weight(d)["sizes"][0].update(as_int=2**40), weight(d)["strides"][0].update(as_int=0)],
        META + r": the tensor repeats a storage of 128 bytes to 4398046511104 elements",
    ),
    "weight of negative stride": (
        WEIGHTS,
        lambda d: weight(d)["strides"][0].update(as_int=-4),
        META + r"\.strides\[0\]\.as_int: a size cannot be -4",
    ),
    "weight in another folder": (
        WEIGHTS,
        lambda d: d["config"]["first.weight"].update(path_name="../../../../etc/passwd"),
        r"config\.first\.weight: the archive has no file data/weights/\.\./",
    ),
    "pickled weight": (
        WEIGHTS,
        lambda d: d["config"]["first.weight"].update(use_pickle=True),
        r"config\.first\.weight: this weight is a pickled Python object",
    ),
    "weight that is missing": (
        WEIGHTS,
        lambda d: d["config"].pop("first.weight"),
        r"parameter_name: the archive has no data for 'first\.weight'",
    ),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_bad_claims(client: linalgd.Client, tmp_path: Path, name: str) -> None:
    path, edit, pattern = CLAIMS[name]
    model = tmp_path / "model.pt2"
    model.write_bytes(edited(path, edit))
    rejected(client, model, pattern)


OPS: dict[str, tuple[Callable[[Any], object], str]] = {
    "no argument": (
        lambda d: node(d, 1).update(inputs=[]),
        r"'torch\.aten\.relu_' lacks its argument 'self'",
    ),
    "too many arguments": (
        lambda d: node(d).update(inputs=node(d)["inputs"] * 3),
        r"'torch\.aten\.linear' ",
    ),
    "a number for a tensor": (
        lambda d: node(d)["inputs"][1].update(arg={"as_string": "weight"}),
        r"'torch\.aten\.linear' ",
    ),
    "a result of other sizes": (
        lambda d: value(d)["sizes"][1].update(as_int=7),
        r"'torch\.aten\.linear' op inferred type",
    ),
    "a result of another dtype": (
        lambda d: value(d).update(dtype=8),
        r"'torch\.aten\.linear' op inferred type",
    ),
    "a bias that is a matrix": (
        lambda d: node(d)["inputs"][2].update(arg=node(d)["inputs"][1]["arg"]),
        r"'torch\.aten\.linear' op the bias does not go with the weight",
    ),
    "operands that do not go together": (
        lambda d: graph(d)["tensor_values"]["x"]["sizes"][1].update(as_int=5),
        r"'torch\.aten\.linear' op the weight does not go with the input's last dimension",
    ),
}


@pytest.mark.parametrize("name", OPS)
def test_bad_ops(client: linalgd.Client, tmp_path: Path, name: str) -> None:
    """A graph that its ops contradict: the error leads to the Python line."""
    edit, pattern = OPS[name]
    model = tmp_path / "model.pt2"
    model.write_bytes(edited(MODEL, edit))
    for emit in ("linalg", "executable"):
        error = rejected(client, model, pattern, emit=emit)
        assert str(error.diagnostics[0].location) == "/models/mlp_module.py:10"


def test_ops_that_nobody_knows(client: linalgd.Client, daemon: Daemon, tmp_path: Path) -> None:
    def edit(document: Any) -> None:
        node(document, 0)["target"] = "torch.ops.aten.nobody.default"
        node(document, 2)["target"] = "torch.ops.mylib.knows.this"

    model = tmp_path / "model.pt2"
    model.write_bytes(edited(MODEL, edit))
    with pytest.raises(linalgd.CompileError, match="2 ops of the model are not supported") as caught:
        client.submit(model).result(timeout=DEADLINE)
    assert caught.value.code == "UNIMPLEMENTED"
    assert [(found.op, str(found.location)) for found in caught.value.diagnostics] == [
        ("torch.aten.nobody", "/models/mlp_module.py:10"),
        ("torch.mylib.knows.this", "/models/mlp_module.py:10"),
    ]
    done = linalgc(daemon, "compile", model, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert len(re.findall(r"^/models/mlp_module\.py:10: error: ", done.stderr, re.MULTILINE)) == 2


# --- TorchScript ---


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.linear(x))


class Remembers(nn.Module):
    """Runs code when it is loaded."""

    def __init__(self, size: int, steps: int) -> None:
        super().__init__()
        self.size, self.steps = size, steps

    @torch.jit.export  # type: ignore[untyped-decorator]
    def __getstate__(self) -> tuple[int, int, bool]:
        return self.size, self.steps, self.training

    @torch.jit.export  # type: ignore[untyped-decorator]
    def __setstate__(self, state: tuple[int, int, bool]) -> None:
        self.size, self.steps, self.training = state
        step = 0
        memory = torch.ones(1)
        while step < self.steps:
            step += 1
            memory = torch.ones(self.size)
        assert memory.sum() > 0, "there is nothing to remember"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


X = torch.ones(3, 4)


def script(size: int, steps: int, path: Path) -> Path:
    torch.jit.save(torch.jit.script(Remembers(size, steps)), path)
    return path


def torchscript(**entries: bytes) -> bytes:
    """A traced module, some of whose entries are others."""
    import io

    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(Plain(), X), buffer)
    with zipfile.ZipFile(buffer) as archive:
        found = {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}
    (code,) = (name for name, data in found.items() if b"class Plain(Module)" in data)
    named = {"code": code, "data": "data.pkl", "constants": "constants.pkl", "version": ".data/version"}
    named = {key: name if name in found else "version" for key, name in named.items()}
    return pack(found | {named[key]: data for key, data in entries.items()})


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("damage", "pattern"),
    [
        ({}, None),
        ({"code": b"class Plain(Module):\n  def forward(self: nonsense"}, r"cannot load"),
        ({"code": b"\xff\xfe\x00"}, r"cannot load"),
        ({"data": b"\x80\x02cos\nsystem\nU\x02id\x85R."}, r"cannot load"),
        ({"data": b""}, r"cannot load"),
        ({"constants": b"\xff" * 100}, r"cannot load"),
        ({"version": b"999999"}, r"cannot load"),
    ],
)
def test_torchscript_that_does_not_load(
    client: linalgd.Client, tmp_path: Path, damage: dict[str, bytes], pattern: str | None
) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(torchscript(**damage))
    if pattern is None:
        assert "torch.aten.linear" in client.submit(path, (X,), emit="torch").result(timeout=DEADLINE).text()
    else:
        rejected(
            client,
            path,
            r"not a TorchScript file that libtorch " + pattern.replace("cannot", "can"),
            args=(X,),
        )


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_torchscript_that_raises(client: linalgd.Client, tmp_path: Path) -> None:
    rejected(client, script(0, 1, tmp_path / "raises.pt"), "there is nothing to remember", args=(X,))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("worker_restarts", [1])
def test_torchscript_that_needs_too_much_memory(client: linalgd.Client, tmp_path: Path) -> None:
    path = script(1 << 30, 1, tmp_path / "large.pt")
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(path, args=(X,)).result(timeout=DEADLINE)
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    assert caught.value.diagnostics[-1].code == "worker-memory"


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("worker_restarts", [1])
def test_torchscript_that_does_not_end(client: linalgd.Client, good: Path, tmp_path: Path) -> None:
    path = script(1, 1 << 60, tmp_path / "endless.pt")
    job = client.submit(path, args=(X,), timeout=1.5)
    # Meanwhile, others are served.
    assert client.submit(good, entry="meanwhile").result(timeout=DEADLINE).text()
    with pytest.raises(linalgd.CompileError) as caught:
        job.result(timeout=DEADLINE)
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert caught.value.diagnostics[-1].code == "worker-timeout"


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("args", "pattern"),
    [
        ((), r"input"),
        ((X, X), r"input"),
        ((torch.ones(3, 5),), r"the weight does not go with the input's last dimension"),
    ],
)
def test_inputs_that_torchscript_does_not_take(
    client: linalgd.Client, tmp_path: Path, args: Any, pattern: str
) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(torchscript())
    rejected(client, path, pattern, args=args)


class Attends(nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=mask)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_shapes_that_do_not_go_together(client: linalgd.Client, tmp_path: Path) -> None:
    """TorchScript has no shapes: those of the request may be wrong, in the middle of the model too."""
    path = tmp_path / "model.pt"
    x = torch.ones(2, 3, 5, 4)
    torch.jit.save(torch.jit.trace(Attends(), (x, torch.zeros(5, 5))), path)
    assert client.submit(path, (x, torch.zeros(3, 1, 5))).result(timeout=DEADLINE).text()
    for mask in (torch.zeros(5, 4), torch.zeros(4, 1, 1)):
        rejected(client, path, "query, key, value and mask do not go together", args=(x, mask))

    torch.jit.save(torch.jit.trace(nn.LayerNorm(4), (x,)), path)
    with pytest.raises(
        linalgd.CompileError, match=r"normalizes \[4\], which an input of sizes \[3, 5\]"
    ) as caught:
        client.submit(path, (torch.ones(3, 5),)).result(timeout=DEADLINE)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert {found.code for found in caught.value.diagnostics} == {"invalid-model"}


# --- Inputs of executables ---


class Two(nn.Module):
    def forward(self, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """(batch, 4) float32 and (batch,) int64 to (batch, 4)."""
        return x * scale[:, None]


@pytest.fixture(scope="module")
def executable(daemon: Daemon, folder: Path) -> Path:
    batch = torch.export.Dim("batch", min=2, max=8)
    inputs = (torch.ones(3, 4), torch.arange(3))
    program = torch.export.export(Two(), inputs, dynamic_shapes=({0: batch}, {0: batch}))
    with linalgd.Client(daemon.address) as client:
        artifact = client.submit(program, emit="executable").result(timeout=DEADLINE)
        return artifact.save(folder / "two.so")


def x(batch: int = 3, width: int = 4, dtype: str = "float32") -> Any:
    return np.ones((batch, width), dtype)


def scale(batch: int = 3, dtype: str = "int64") -> Any:
    return np.arange(batch, dtype=dtype)


INPUTS: dict[str, tuple[list[Any], str]] = {
    "dtype": ([x(dtype="float64"), scale()], r"'x' .*float32.* float64"),
    "dtype of the second": ([x(), scale(dtype="int32")], r"'scale' .*int64.* int32"),
    "rank": ([np.ones(4, np.float32), scale()], r"'x' must have 2 dimensions, not 1"),
    "size": ([x(width=5), scale()], r"dimension 1 of input 'x' must be 4, not 5"),
    "sizes that differ": ([x(3), scale(4)], r"'scale' .*s0"),
    "below the range": ([x(1), scale(1)], r"dimension 0 of input 'x' \(s0\) must be at least 2, not 1"),
    "beyond the range": ([x(9), scale(9)], r"dimension 0 of input 'x' \(s0\) must be at most 8, not 9"),
    "nothing": ([x(0), scale(0)], r"dimension 0 of input 'x' \(s0\) must be at least 2, not 0"),
    "too many": (
        [x(), scale(), scale()],
        r"3 positional inputs given, but the model was exported with 2|takes 2 inputs only",
    ),
    "too few": ([x()], r"1 positional inputs given, but the model was exported with 2|no --input for 'scale"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_that_do_not_fit(daemon: Daemon, executable: Path, tmp_path: Path, name: str) -> None:
    values, pattern = INPUTS[name]
    loaded = linalgd.load(executable)
    for given in (values, [torch.from_numpy(value) for value in values]):
        with pytest.raises(linalgd.InputError, match=pattern):
            loaded(*given)
    np.testing.assert_array_equal(loaded(x(), scale()), x() * scale()[:, None])

    arguments: list[Any] = []
    for index, value in enumerate(values):
        np.save(tmp_path / f"{index}.npy", value)
        arguments += ["--input", tmp_path / f"{index}.npy"]
    done = linalgc(daemon, "run", executable, *arguments, "--output-dir", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert re.search(r"^linalgc: error: .*(" + pattern + ")", done.stderr), done.stderr
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_inputs(daemon: Daemon, executable: Path, tmp_path: Path) -> None:
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object))
    (tmp_path / "broken.so").write_bytes(executable.read_bytes()[:5000])
    for file in ("text.npy", "pickle.npy", "absent.npy"):
        done = linalgc(daemon, "run", executable, "--input", tmp_path / file, "--input", "random")
        assert (done.returncode, file in done.stderr) == (2, True), done.stderr
    done = linalgc(daemon, "run", tmp_path / "broken.so")
    assert done.returncode in (1, 2)
    assert "broken.so" in done.stderr
    with pytest.raises(linalgd.ExecutionError, match=r"broken\.so"):
        linalgd.load(tmp_path / "broken.so")


# --- Uploads ---


def missing(stubs: Stubs, digest: str) -> int | None:
    """How much of a blob the server has; None: all."""
    answer = stubs.call("FindMissing", blob_pb2.FindMissingRequest(digests=[digest]))
    return answer.missing[0].uploaded_bytes if answer.missing else None


@pytest.mark.parametrize(
    ("announced", "sent", "pattern"),
    [
        (100, bytes(100), "have the SHA-256 .*; they are dropped"),
        (99, bytes(100), "was announced with 99 bytes, and more came"),
        (101, bytes(100), "the stream ended within blob .*, after 100 of 101 bytes"),
        (1 << 60, b"", "more than the .* of the whole store"),
    ],
    ids=["wrong digest", "too many", "too few", "absurd size"],
)
def test_bytes_that_are_not_the_blob(stubs: Stubs, announced: int, sent: bytes, pattern: str) -> None:
    digest = digest_of(uuid.uuid4().bytes)
    header = blob_pb2.BlobHeader(digest=digest, size=announced)
    messages = [blob_pb2.UploadRequest(header=header), blob_pb2.UploadRequest(data=sent)]
    with pytest.raises(grpc.RpcError) as refused:
        stubs.call("Upload", iter(messages))
    assert re.search(pattern, refused.value.details())
    assert missing(stubs, digest) == (100 if announced == 101 else 0)


@pytest.mark.parametrize("resumes", [True, False])
def test_an_upload_that_stops_half_way(daemon: Daemon, stubs: Stubs, folder: Path, resumes: bool) -> None:
    data = os.urandom(400_000)
    header = blob_pb2.BlobHeader(digest=digest_of(data), size=len(data))
    gone = threading.Event()

    def half() -> Iterator[blob_pb2.UploadRequest]:
        yield blob_pb2.UploadRequest(header=header)
        yield blob_pb2.UploadRequest(data=data[:250_000])
        gone.wait(DEADLINE)

    vanishing = Stubs(daemon)
    upload = vanishing.future("Upload", half())
    while not leftovers(folder):
        time.sleep(0.01)
    time.sleep(0.1)
    upload.cancel()
    vanishing.close()
    gone.set()
    deadline = time.monotonic() + DEADLINE
    while missing(stubs, header.digest) != 250_000:
        assert time.monotonic() < deadline
    if resumes:
        header.offset = 250_000
        rest = [blob_pb2.UploadRequest(header=header), blob_pb2.UploadRequest(data=data[250_000:])]
        stubs.call("Upload", iter(rest))
        assert missing(stubs, header.digest) is None
        assert stubs.download(header.digest) == data
        return
    while leftovers(folder):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert missing(stubs, header.digest) == 0


def test_a_model_that_was_not_sent(stubs: Stubs) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        stubs.call("Submit", stubs.request("nobody sent this"))
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION


# --- Clients and workers that go away ---


@pytest.fixture(scope="module")
def slow_model(folder: Path) -> Path:
    path = folder / "slow.pt2"
    path.write_bytes(slow(180))
    return path


def test_a_client_that_vanishes(
    client: linalgd.Client, daemon: Daemon, slow_model: Path, tmp_path: Path
) -> None:
    command: list[str | Path] = [binary("linalgc"), "--server", daemon.address, "compile", slow_model]
    command += ["--emit", "executable", "--entry", "vanished", "-o", tmp_path / "out.so"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while True:
            job = client.jobs(limit=1)[0]
            if job.status().step == "executable":
                break
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert list(tmp_path.iterdir()) == []
    assert job.status().state == "RUNNING"
    assert job.result(timeout=DEADLINE).stage == "executable"
    again = client.submit(slow_model, emit="executable", entry="vanished").result(timeout=DEADLINE)
    assert again.cached
    y = again.load()(np.ones((2, 4), np.float32))
    assert y.shape == (2, 2)


def kill_workers(job: linalgd.Job, daemon: Daemon, times: int) -> None:
    """Kills all workers each time the job's last stage starts."""
    for event in job.events(timeout=DEADLINE):
        if event.kind == "stage-started" and event.stage == "executable":
            for pid in workers_of(daemon):
                os.kill(pid, signal.SIGKILL)
            times -= 1
            if times == 0:
                return


@pytest.mark.parametrize("worker_restarts", [None])
def test_a_worker_that_is_killed(client: linalgd.Client, daemon: Daemon, slow_model: Path) -> None:
    job = client.submit(slow_model, emit="executable", entry="killed_once")
    kill_workers(job, daemon, times=1)
    assert not job.result(timeout=DEADLINE).cached
    assert [found.code for found in job.diagnostics] == ["worker-retried"]


@pytest.mark.parametrize("worker_restarts", [None])
def test_a_worker_that_is_killed_again(client: linalgd.Client, daemon: Daemon, slow_model: Path) -> None:
    before = client.stats().artifacts
    job = client.submit(slow_model, emit="executable", entry="killed_twice")
    kill_workers(job, daemon, times=2)
    with pytest.raises(linalgd.CompileError, match="SIGKILL") as caught:
        job.result(timeout=DEADLINE)
    assert caught.value.code == "INTERNAL"
    assert caught.value.diagnostics[-1].code == "worker-crashed"
    # The stages before are as good as ever; a crash is not remembered.
    assert client.stats().artifacts == before + 3
    again = client.submit(slow_model, emit="executable", entry="killed_twice").result(timeout=DEADLINE)
    assert not again.cached
