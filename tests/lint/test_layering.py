"""The include rules of docs/architecture.md, checked over the tracked C++ files.

`server/` knows nothing of MLIR, LLVM or libtorch; `compiler/` knows nothing of gRPC or protobuf. They
meet in `compiler/api`, in `compiler/worker` and in `proto/marshal`.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)

COMPILER_LIBRARIES = r"(mlir|llvm|mlir-c|lld|torch|ATen|c10|caffe2)/"
RPC_LIBRARIES = r"(grpc|grpcpp|google/protobuf|linalgd/v1|proto)/|.*\.pb\.h$"

# (files, what they must not include, files exempt)
RULES = [
    ("server/", re.compile(COMPILER_LIBRARIES + r"|compiler/(?!api/)"), set()),
    ("client/", re.compile(COMPILER_LIBRARIES + r"|server/|compiler/(?!api/|runtime/)"), set()),
    ("proto/", re.compile(COMPILER_LIBRARIES + r"|server/|client/|compiler/(?!api/)"), set()),
    ("compiler/", re.compile(RPC_LIBRARIES + r"|server/|client/"), {"compiler/worker/"}),
    (
        "compiler/api/",
        re.compile(COMPILER_LIBRARIES + r"|compiler/(?!api/)|nlohmann/"),
        set(),
    ),
    (
        "compiler/",
        re.compile(r"(torch|ATen|c10|caffe2)/"),
        {"compiler/import/torchscript"},
    ),
]


def tracked(prefix: str) -> list[str]:
    """Tracked C and C++ files below a folder."""
    output = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", prefix],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [name for name in output.splitlines() if name.endswith((".h", ".cpp", ".c"))]


def violations() -> list[str]:
    """Each forbidden include, as `file includes header`."""
    found = []
    for prefix, forbidden, exempt in RULES:
        for name in tracked(prefix):
            if any(name.startswith(start) for start in exempt):
                continue
            text = (ROOT / name).read_text(encoding="utf-8")
            found += [
                f"{name} includes {header}" for header in INCLUDE.findall(text) if forbidden.match(header)
            ]
    return found


def test_layers_keep_apart() -> None:
    assert violations() == []


def test_rules_see_the_sources() -> None:
    """A rule over no files would pass for nothing."""
    assert tracked("compiler/api/")
    assert RULES[0][1].match("mlir/IR/Builders.h")
    assert RULES[3][1].match("grpcpp/grpcpp.h")
    assert not RULES[0][1].match("compiler/api/compiler.h")
