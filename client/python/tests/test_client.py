"""Jobs, artifacts, transfers and errors, against a server in this process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import linalgd
from fake_server import FakeServer, fail, succeed
from linalgd.v1 import compile_pb2, error_pb2


def write_pt2(path: Path, weights: list[bytes], serialization_id: bytes = b"1") -> Path:
    """An archive laid out like a .pt2."""
    entries = {f"data/weights/weight_{index}": data for index, data in enumerate(weights)}
    entries |= {
        "models/model.json": b"{}",
        "data/sample_inputs/model.pt": os.urandom(100),
        "archive_format": b"pt2",
        "byteorder": b"little",
        ".data/serialization_id": serialization_id,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(f"{path.stem}/{name}", data)
    return path


@pytest.fixture
def pt2(tmp_path: Path) -> Path:
    path = write_pt2(tmp_path / "model.pt2", [b"w" * 100_000, b"v" * 10, b"", b"v" * 10])
    os.utime(path, (1, 1))
    return path


def test_pt2_is_sent_as_its_entries(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    artifact = client.submit(pt2).result(timeout=10)
    (request,) = server.requests
    sent = {blob.name: server.blobs[blob.digest] for blob in request.model.blobs}
    assert sent == {
        "data/weights/weight_0": b"w" * 100_000,
        "data/weights/weight_1": b"v" * 10,
        "data/weights/weight_2": b"",
        "data/weights/weight_3": b"v" * 10,
        "models/model.json": b"{}",
        "archive_format": b"pt2",
        "byteorder": b"little",
    }
    assert max(server.chunks) == 50_000  # the server's limit
    assert (artifact.key, artifact.cached, artifact.stage) == ("ab" * 32, False, "linalg")
    assert artifact.signature == {"entry": "main"}
    assert artifact.text() == "module {\n}\n"


def test_options_reach_the_server(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    job = client.submit(
        pt2,
        emit="torch",
        target="x86-64-v2",
        weights="external",
        keep_ops=("aten.gelu",),
        entry="forward",
        locations="python",
        timeout=1.5,
        label="mine",
        job_id="my-id",
    )
    (request,) = server.requests
    assert (job.id, request.job_id, request.label) == ("my-id", "my-id", "mine")
    assert (request.timeout.seconds, request.timeout.nanos) == (1, 500_000_000)
    assert request.options == compile_pb2.CompileOptions(
        emit="torch",
        target="x86-64-v2",
        weights=compile_pb2.WEIGHTS_MODE_EXTERNAL,
        locations=compile_pb2.LOCATIONS_MODE_PYTHON,
        keep_ops=["aten.gelu"],
        entry="forward",
    )


def test_second_submit_is_one_round_trip(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    client.submit(pt2).result()
    server.instant = True
    server.calls.clear()
    client.submit(pt2).result()
    assert server.calls == ["Submit"]


def test_second_save_sends_what_changed(server: FakeServer, client: linalgd.Client, tmp_path: Path) -> None:
    client.submit(write_pt2(tmp_path / "a.pt2", [b"w" * 100_000, b"old"]))
    before = server.received
    client.submit(write_pt2(tmp_path / "b.pt2", [b"w" * 100_000, b"new"], b"2"))
    assert server.received - before == len(b"new")


def test_file_that_changes_is_read_again(server: FakeServer, client: linalgd.Client, tmp_path: Path) -> None:
    path = tmp_path / "model.mlir"
    for text in (b"one", b"two"):
        path.write_bytes(text)
        client.submit(path)
        assert server.blobs[server.requests[-1].model.blobs[0].digest] == text


@pytest.mark.parametrize("damage", ["truncated", "escaping", "two-roots", "compressed", "other-format"])
def test_odd_archive_is_sent_whole(
    server: FakeServer, client: linalgd.Client, pt2: Path, damage: str
) -> None:
    if damage == "truncated":
        pt2.write_bytes(pt2.read_bytes()[:-30])
    elif damage == "other-format":
        pt2.write_bytes(pt2.read_bytes().replace(b"archive_formatpt2", b"archive_formatpt3"))
    else:
        compression = zipfile.ZIP_DEFLATED if damage == "compressed" else zipfile.ZIP_STORED
        with zipfile.ZipFile(pt2, "a", compression) as archive:
            name = {"escaping": "model/../../evil", "two-roots": "other/x", "compressed": "model/x"}[damage]
            archive.writestr(name, b"x" * 100)
    client.submit(pt2)
    (blob,) = server.requests[0].model.blobs
    assert blob.name == ""
    assert server.blobs[blob.digest] == pt2.read_bytes()


def test_broken_upload_goes_on_where_it_stopped(
    server: FakeServer, client: linalgd.Client, tmp_path: Path
) -> None:
    path = tmp_path / "model.mlir"
    path.write_bytes(os.urandom(400_000))
    server.break_upload_after = 150_000
    client.submit(path)
    assert server.received == 400_000
    assert server.calls.count("Upload") == 2


def test_wrong_digest_is_an_error(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    known = client._memo.source(pt2)
    stat = pt2.stat()
    data = pt2.read_bytes().replace(b"wwww", b"wwwx", 1)
    with pt2.open("r+b") as file:  # behind the memo's back
        file.write(data)
    os.utime(pt2, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(linalgd.InputError, match="wrong digest"):
        client._submit(compile_pb2.SubmitRequest(job_id="x", model=known.model()), known)
    assert not server.requests


def test_truncated_file_is_an_error(client: linalgd.Client, pt2: Path) -> None:
    known = client._memo.source(pt2)
    os.truncate(pt2, 1000)
    with pytest.raises(linalgd.InputError, match="truncated"):
        client._submit(compile_pb2.SubmitRequest(job_id="x", model=known.model()), known)


def test_broken_watch_is_resumed(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    server.break_watch_after = 1
    job = client.submit(pt2)
    events = list(job.events(timeout=20))
    assert [event.sequence for event in events] == [1, 2, 3, 4]
    assert [event.kind for event in events] == ["state", "stage-started", "stage-finished", "state"]
    assert events[2].seconds == 0.25
    assert job.result().text()


def test_result_times_out_and_can_be_asked_for_again(
    server: FakeServer, client: linalgd.Client, pt2: Path
) -> None:
    server.release.clear()
    job = client.submit(pt2)
    with pytest.raises(linalgd.JobTimeout) as caught:
        job.result(timeout=0.3)
    assert isinstance(caught.value, TimeoutError)
    server.release.set()
    assert job.result(timeout=10).stage == "linalg"


def test_long_silence_is_no_failure(
    server: FakeServer, client: linalgd.Client, pt2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linalgd.job._WATCH_SECONDS", 0.2)
    server.release.clear()
    job = client.submit(pt2)
    timer = threading.Timer(0.7, server.release.set)
    timer.start()
    assert job.result(timeout=20).stage == "linalg"
    timer.join()
    assert server.calls.count("Watch") >= 3
    assert server.calls.count("Get") >= 2


def test_cancel(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    server.release.clear()
    job = client.submit(pt2)
    waiter = threading.Thread(target=job.cancel)
    waiter.start()
    with pytest.raises(linalgd.JobCancelled):
        job.result(timeout=10)
    waiter.join()
    assert job.status().state == "CANCELLED"


def test_failure_lists_every_diagnostic(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    failure = compile_pb2.Failure(code="UNIMPLEMENTED", message="2 ops are not supported yet")
    for line, op in ((12, "torch.aten.foo"), (40, "torch.aten.bar")):
        failure.diagnostics.add(
            severity=error_pb2.SEVERITY_ERROR,
            code="unsupported-op",
            message=f"{op} is not supported",
            op=op,
            location=error_pb2.SourceLocation(file="model.py", line=line, module="layer1.0"),
            hint="ask for it",
        )
    server.outcome = fail(failure)
    with pytest.raises(linalgd.CompileError) as caught:
        client.submit(pt2, job_id="a-job").result()
    error = caught.value
    assert (error.code, error.job_id) == ("UNIMPLEMENTED", "a-job")
    assert [d.location.line for d in error.diagnostics if d.location] == [12, 40]
    assert str(error) == (
        "2 ops are not supported yet (UNIMPLEMENTED)\n"
        "  model.py:12: error: torch.aten.foo is not supported [unsupported-op] (in module layer1.0)\n"
        "    hint: ask for it\n"
        "  model.py:40: error: torch.aten.bar is not supported [unsupported-op] (in module layer1.0)\n"
        "    hint: ask for it"
    )


def test_text_with_and_without_weights(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    data = np.arange(6, dtype=np.float32)
    digest = server.add(b"junk" + data.tobytes())
    plain = compile_pb2.WeightBinding(
        slot="a.w", dtype="float32", shape=[6], bound=True, digest=digest, offset=4, size=24
    )
    transposed = compile_pb2.WeightBinding(
        slot="t", dtype="float32", shape=[3, 2], strides=[1, 3], bound=True, digest=digest, offset=4, size=24
    )
    server.outcome = succeed(b"module {\n}\n", weights=[plain, transposed])
    artifact = client.submit(pt2).result()
    assert artifact.text() == "module {\n}\n"
    text = artifact.text(weights="inline")
    assert f'"a.w": "0x40000000{data.tobytes().hex().upper()}"' in text
    assert f'"t": "0x40000000{data.reshape(2, 3).T.tobytes().hex().upper()}"' in text
    with pytest.raises(linalgd.InputError):
        artifact.text(weights="all")  # type: ignore[arg-type]


def test_inline_text_is_elided_on_demand(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    inline = b'module {\n}\n\n{-#\n  dialect_resources: {\n    builtin: {\n      w: "0x00"\n    }\n  }\n#-}\n'
    server.outcome = succeed(inline)
    artifact = client.submit(pt2, weights="inline").result()
    assert artifact.text() == "module {\n}\n"
    assert artifact.text(weights="inline") == inline.decode()


def test_external_weights_are_saved_beside(
    server: FakeServer, client: linalgd.Client, pt2: Path, tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    small, wide = np.array([1, 2, 3], np.int8), np.array([[1.5, -2.5]], np.float64)
    digest = server.add(small.tobytes() + wide.tobytes())
    weights = [
        compile_pb2.WeightBinding(
            slot="s", dtype="int8", shape=[3], bound=True, digest=digest, offset=0, size=3
        ),
        compile_pb2.WeightBinding(
            slot="w", dtype="float64", shape=[1, 2], bound=True, digest=digest, offset=3, size=16
        ),
        compile_pb2.WeightBinding(slot="none", dtype="float32", shape=[1], bound=False),
    ]
    server.outcome = succeed(weights=weights)
    saved = client.submit(pt2, weights="external").result().save(tmp_path / "out.mlir")
    assert saved.read_text() == "module {\n}\n"
    loaded = load_file(tmp_path / "out.safetensors")
    np.testing.assert_equal(loaded, {"s": small, "w": wide})
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.mlir", "out.safetensors"]


def test_broken_download_is_resumed_and_verified(
    server: FakeServer, client: linalgd.Client, pt2: Path, tmp_path: Path
) -> None:
    server.break_download_after = 3
    data = os.urandom(10_000)
    server.outcome = succeed(data)
    artifact = client.submit(pt2).result()
    assert artifact.save(tmp_path / "out").read_bytes() == data
    server.blobs[artifact.files[0].digest] = b"x" + data[1:]
    with pytest.raises(linalgd.ServerError, match="digest"):
        artifact.save(tmp_path / "bad")
    assert not list(tmp_path.glob("*bad*"))


def test_jobs_come_in_pages(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    server.instant = True
    for number in range(5):
        client.submit(pt2, job_id=f"job-{number}")
    assert [job.id for job in client.jobs()] == [f"job-{number}" for number in range(5)]
    assert len(client.jobs(states=["SUCCEEDED"], limit=3)) == 3
    assert client.jobs()[0].result().text()
    assert client.job("job-1").status().state == "SUCCEEDED"
    with pytest.raises(linalgd.ServerError) as caught:
        client.job("nobody")
    assert caught.value.code == "NOT_FOUND"


def test_info_and_stats(client: linalgd.Client) -> None:
    info = client.info()
    assert (info.version, info.stages) == ("1.2.3", {"linalg": "linalg on tensors"})
    assert info.limits["job_timeout"] == 600
    assert client.stats().uptime == 0.5


def test_no_server() -> None:
    with linalgd.Client("127.0.0.1:1") as client, pytest.raises(linalgd.ServerUnavailable) as caught:
        client.stats()
    assert "127.0.0.1:1" in str(caught.value)


def test_default_address(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINALGD_ADDRESS", server.address)
    with linalgd.Client() as client:
        assert client.info().version == "1.2.3"
    monkeypatch.delenv("LINALGD_ADDRESS")
    with linalgd.Client() as client:
        assert client.address == "localhost:8470"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"model": "/nowhere/model.pt2"}, "cannot read the model /nowhere/model.pt2"),
        ({"model": 7}, "not int"),
        ({"weights": "none"}, "weights must be one of"),
        ({"locations": "all"}, "locations must be one of"),
        ({"args": np.zeros(3)}, "args must be a tuple"),
        ({"dynamic_shapes": ({0: 1},)}, "fixed when it was exported"),
    ],
)
def test_wrong_arguments(client: linalgd.Client, pt2: Path, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(linalgd.InputError, match=text):
        client.submit(**{"model": pt2, **arguments})


def test_threads_share_a_client(server: FakeServer, client: linalgd.Client, pt2: Path) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                assert client.submit(pt2).result(timeout=20).text()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(server.requests) == 20


def test_progress_without_a_terminal(
    client: linalgd.Client, pt2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client.submit(pt2, job_id="abcdefghij").result(progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "linalgd abcdefgh: linalg 0.250 s"
    assert lines[1].startswith("linalgd abcdefgh: succeeded after")


def test_import_is_light() -> None:
    code = (
        "import sys, linalgd; "
        "assert not {'torch', 'numpy', 'grpc'} & set(sys.modules); "
        "linalgd.Client, linalgd.load; "
        "assert 'torch' not in sys.modules"
    )
    package = Path(linalgd.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(package)})
