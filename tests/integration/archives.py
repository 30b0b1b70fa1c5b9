"""Archives of torch.export, taken apart and put together by hand, to damage them."""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

from daemon import ROOT

MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
Entries = dict[str, bytes]


def entries_of(fixture: str) -> Entries:
    """The entries of one of the importer's own fixtures, without those that no client sends."""
    path = ROOT / "compiler" / "import" / "testdata" / f"{fixture}.pt2"
    with zipfile.ZipFile(path) as archive:
        named = {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}
    return {
        name: data for name, data in named.items() if not name.startswith(("data/sample_inputs", ".data"))
    }


def pack(entries: Entries, *more: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of entries below a root folder, and of more entries of any names."""
    buffer = io.BytesIO()
    named = [(f"model/{name}", data) for name, data in entries.items()]
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")  # two of one name
        for name, data in [*named, *more]:
            archive.writestr(name, data)
    return buffer.getvalue()


def edited(path: str, edit: Callable[[Any], object], fixture: str = "mlp") -> bytes:
    """An archive after an edit of one of its JSON files."""
    entries = entries_of(fixture)
    document = json.loads(entries[path])
    edit(document)
    return pack({**entries, path: json.dumps(document).encode()})


def patched(data: bytes, offset: int, form: str, *values: int, record: bytes = b"PK\x01\x02") -> bytes:
    """An archive whose last record of a kind (default: a directory entry) has other fields."""
    at = data.rindex(record)
    changed = bytearray(data)
    struct.pack_into(form, changed, at + offset, *values)
    return bytes(changed)


def slow(steps: int) -> bytes:
    """A model of many steps: its executable takes a while."""

    def edit(document: Any) -> None:
        graph = document["graph_module"]["graph"]
        first, relu, last = graph["nodes"]
        made, before = [], "relu_"
        for step in range(steps):
            tanh = json.loads(json.dumps(relu))
            tanh["target"] = "torch.ops.aten.tanh.default"
            tanh["inputs"][0]["arg"]["as_tensor"]["name"] = before
            before = tanh["outputs"][0]["as_tensor"]["name"] = f"step_{step}"
            graph["tensor_values"][before] = graph["tensor_values"]["relu_"]
            made.append(tanh)
        last["inputs"][0]["arg"]["as_tensor"]["name"] = before
        graph["nodes"] = [first, relu, *made, last]

    return edited(MODEL, edit)
