"""Quantized weights whose description in the file contradicts itself."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import torch
from archives import pack
from bad_input.checks import rejected
from torch import nn
from torch.ao import quantization

import linalgd

X = torch.ones(3, 4)


@pytest.fixture(scope="module")
def entries() -> dict[str, bytes]:
    """The files of a scripted module with a quantized weight of 2 times 4 elements."""
    model = nn.Sequential(quantization.QuantStub(), nn.Linear(4, 2), quantization.DeQuantStub()).eval()
    model.qconfig = quantization.get_default_qconfig("x86")
    model = quantization.prepare(model)
    model(X)
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(quantization.convert(model)), buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}


SIZES, STRIDES = b"K\x00(K\x02K\x04t(K\x04K\x01t", b"(K\x04K\x01t"


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("old", "new", "pattern"),
    [
        (SIZES, SIZES, None),
        (SIZES, b"K\x00(K\x02K\x7ft(K\x04K\x01t", "quantized tensor: the tensor needs 131 bytes"),
        (SIZES, b"K\x00(K\x02K\x04t(K\x7fK\x01t", "quantized tensor: the tensor needs 131 bytes"),
        (SIZES, b"K\x07(K\x02K\x04t(K\x04K\x01t", "quantized tensor: the tensor needs 15 bytes"),
        (SIZES, b"K\x00(K\x02K\x04t(K\x04t", "sizes and strides are not lists of integers of one length"),
        (b"K\x00t\x89h", b"K\x09t\x89h", "quantized along dimension 9 of 2"),
        (b"K\x00t\x89h", b"K\x01t\x89h", "not one scale and zero point for each of the 4 indices"),
        (b"K\x00t\x89h", b"Nt\x89h", "quantized along dimension"),
    ],
)
def test_contradiction(
    client: linalgd.Client,
    tmp_path: Path,
    entries: dict[str, bytes],
    old: bytes,
    new: bytes,
    pattern: str | None,
) -> None:
    data = entries["data.pkl"]
    assert data.count(old) == 1
    path = tmp_path / "model.pt"
    path.write_bytes(pack(entries | {"data.pkl": data.replace(old, new)}))
    if pattern is None:
        assert (
            "per_channel_affine.create"
            in client.submit(path, (X,), emit="torch-raw").result(timeout=60).text()
        )
    else:
        rejected(client, path, pattern, args=(X,))
