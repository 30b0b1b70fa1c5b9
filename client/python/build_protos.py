"""Generates the protobuf modules of ``linalgd.v1`` into the package.

The build backend calls this for wheels and editable installs; ``python build_protos.py`` does it
for a checkout that is used in place.
"""

from __future__ import annotations

import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
PROTOS = ("blob", "compile", "error", "server")
PACKAGE = HERE / "linalgd" / "v1"


def proto_root() -> pathlib.Path:
    """The folder that holds ``linalgd/v1/*.proto``: the repository's, or the copy in an sdist."""
    repository = HERE.parent.parent / "proto"
    return repository if (repository / "linalgd" / "v1").is_dir() else HERE


def is_current() -> bool:
    """Whether the generated modules are there and newer than what they come from."""
    for name in PROTOS:
        source = proto_root() / "linalgd" / "v1" / f"{name}.proto"
        module = PACKAGE / f"{name}_pb2.py"
        if not module.exists() or module.stat().st_mtime < source.stat().st_mtime:
            return False
    return (PACKAGE / "__init__.py").exists()


def generate() -> None:
    """Writes the modules and their type stubs, and copies the .proto files beside them.

    Raises:
        RuntimeError: protoc refused a file; its message is on stderr.
    """
    import grpc_tools
    from grpc_tools import protoc

    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    root = proto_root()
    sources = [f"linalgd/v1/{name}.proto" for name in PROTOS]
    PACKAGE.mkdir(parents=True, exist_ok=True)
    (PACKAGE / "__init__.py").write_text(
        '"""Generated messages of the protocol linalgd.v1."""\n', encoding="utf-8"
    )
    arguments = ["protoc", f"-I{root}", f"-I{well_known}", f"--python_out={HERE}"]
    arguments += [f"--pyi_out={HERE}", *sources]
    if protoc.main(arguments) != 0:
        raise RuntimeError(f"protoc could not generate the stubs of {', '.join(sources)}")
    if root != HERE:
        for source in sources:
            shutil.copyfile(root / source, HERE / source)


if __name__ == "__main__":
    if "--if-needed" not in sys.argv[1:] or not is_current():
        generate()
