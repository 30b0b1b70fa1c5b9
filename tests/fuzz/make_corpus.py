"""Writes the seeds of the fuzz targets into tests/fuzz/corpus.

The archives that compiler/import's tests read (compiler/import/testdata) are seeds as they are; here are
the others, each tiny: pickles and JSON out of those archives, expressions, archives with every kind of
record, TorchScript files, and what those archives compile to, as text and as bytecode.

    ninja -C build linalgd-compile linalgd-opt && .venv/bin/python tests/fuzz/make_corpus.py
"""

import io
import pathlib
import subprocess
import zipfile

import torch

HERE = pathlib.Path(__file__).parent
TESTDATA = HERE.parents[1] / "compiler" / "import" / "testdata"
CORPUS = HERE / "corpus"
BIN = HERE.parents[1] / "build" / "bin"

EXPRESSIONS = [
    "Symbol('s77', positive=True, integer=True)",
    "Add(Symbol('s0', integer=True), Integer(1))",
    "Mul(Integer(-1), Rational(1, 2), Float('1.5', precision=53))",
    "FloorDiv(Add(Mul(Integer(2), Symbol('u0', integer=True)), Integer(-3)), Integer(4))",
    "And(StrictLessThan(Symbol('s0'), Integer(9)), Not(Equality(Symbol('s1'), Integer(0))), true)",
    "Max(Integer(0), Min(Symbol('s0'), Symbol('s1')))",
    "ModularIndexing(Symbol('s0'), Integer(2), Integer(3))",
    "OpaqueUnaryFn_sqrt(ToFloat(Symbol('s0')))",
    "2*s0 + s1 - 1",
    "(s0//2)**2 % 3",
    "Eq(u0, 1) & ~(s0 <= 5) | (s1 > -2)",
    "Mod(s0, 2)/3",
]


class Mlp(torch.nn.Module):
    """Two layers, a buffer that is written, a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 4)
        self.second = torch.nn.Linear(4, 2)
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Of [N, 3] to [N, 2]."""
        y = torch.relu_(self.first(x))
        self.mean.add_(y.mean(0))
        return self.second(y + self.mean * torch.tensor([1.0, 2.0, 3.0, 4.0]))


class Control(torch.nn.Module):
    """What only scripted modules have."""

    scale: float
    names: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.scale = 0.5
        self.names = ["a", "b"]
        self.linear = torch.nn.Linear(3, 3)

    def helper(self, x: torch.Tensor, times: int) -> torch.Tensor:
        """A loop and a branch."""
        for i in range(times):
            x = x * self.scale if i % 2 == 0 else self.linear(x) + i
        return x

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor], dict[str, int]]:
        """Containers, a while loop, an exception, an optional."""
        sizes = torch.jit.annotate(list[int], [])
        counts = {"n": x.size(0)}
        extra = torch.jit.annotate(torch.Tensor | None, None)
        if x.dim() != 2:
            raise ValueError(f"expected two dimensions, got {x.dim()}")
        while len(sizes) < 3:
            sizes.append(len(sizes) + 1)
        y = self.helper(x, len(self.names))
        if bool(y.sum() > 0):
            extra = y.view(-1)[:2]
        if extra is not None:
            y = torch.cat([y, extra.new_zeros([1, y.size(1)])])
        a, b = y.split([1, y.size(0) - 1])
        return y, [a, b], counts


def write(target: str, name: str, data: bytes) -> None:
    """Writes one seed of a target."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def entry(archive: zipfile.ZipFile, suffix: str) -> bytes:
    """The bytes of the one entry whose name ends like this."""
    (name,) = [name for name in archive.namelist() if name.endswith(suffix)]
    return archive.read(name)


def archives() -> None:
    """ZIP files: stored, compressed, with a comment, with ZIP64 records."""
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.comment = b"a comment" if name == "deflated" else b""
            archive.writestr(zipfile.ZipInfo("a/"), b"")
            for path, data in (("a/x", b"12345"), ("a/b/y", b"6" * 64), ("a/empty", b"")):
                archive.writestr(zipfile.ZipInfo(path), data, method)
        write("archive", name, buffer.getvalue())
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(2)}, buffer)  # aligned entries, ZIP64 records
    write("archive", "pytorch", buffer.getvalue())


def documents() -> None:
    """JSON of the archives, and pickles of the older ones."""
    for name in ("effects", "meta"):
        with zipfile.ZipFile(TESTDATA / f"{name}.pt2") as archive:
            write("json", name, entry(archive, "models/model.json"))
    with zipfile.ZipFile(TESTDATA / "mlp.pt2") as archive:
        write("json", "weights", entry(archive, "model_weights_config.json"))
    write("json", "numbers", b'[0, -1, 1.5, 1e300, "NaN", "-Infinity", 18446744073709551615, "\\u00e9"]')
    for version in ("2_5", "2_7"):
        with zipfile.ZipFile(TESTDATA / f"old_{version}.pt2") as archive:
            for part in ("state_dict", "constants"):
                inner = io.BytesIO(archive.read(f"serialized_{part}.pt"))
                with zipfile.ZipFile(inner) as weights:
                    write("pickle", f"{part}_{version}", entry(weights, "/data.pkl"))


def torchscript() -> None:
    """A traced and a scripted module; the inputs are beside them in the archive."""
    torch.manual_seed(0)
    for name, module in (
        ("traced", torch.jit.trace(Mlp().eval(), torch.ones(2, 3), check_trace=False)),
        ("scripted", torch.jit.script(Control().eval())),
    ):
        buffer = io.BytesIO()
        torch.jit.save(module, buffer, _extra_files={"inputs": "x:float32[?,3]"})
        write("torchscript", name, buffer.getvalue())


def modules() -> None:
    """The torch dialect and linalg, with weights, control flow and symbolic sizes."""
    for name, stage in (("mlp", "torch-raw"), ("branch", "torch-raw"), ("mlp", "torch"), ("mlp", "linalg")):
        model = str(TESTDATA / f"{name}.pt2")
        command = [str(BIN / "linalgd-compile"), model, "--emit", stage, "--weights", "inline", "-o", "-"]
        text = subprocess.run(command, check=True, capture_output=True).stdout
        write("mlir", f"{name}_{stage}", text)
        if name == "mlp":
            encoded = subprocess.run(
                [str(BIN / "linalgd-opt"), "--emit-bytecode"], input=text, check=True, capture_output=True
            ).stdout
            write("mlir", f"{name}_{stage}_bytecode", encoded)


def main() -> None:
    """Writes all seeds."""
    archives()
    documents()
    torchscript()
    modules()
    for i, text in enumerate(EXPRESSIONS):
        write("symbols", f"{i:02}", text.encode())


if __name__ == "__main__":
    main()
