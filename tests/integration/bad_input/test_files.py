"""Files that are no model."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from archives import MODEL, WEIGHTS, entries_of, pack, patched
from bad_input.checks import linalgc, rejected

import linalgd
from daemon import Daemon

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
