"""Generates the protobuf modules as part of every build; the rest is in pyproject.toml."""

import pathlib
import sys

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import build_protos


class BuildWithProtos(build_py):
    """build_py, after generating ``linalgd.v1``."""

    def run(self) -> None:
        """Generates, then goes on as usual."""
        build_protos.generate()
        super().run()


class SdistWithProtos(sdist):
    """sdist, after copying the .proto files into the package."""

    def run(self) -> None:
        """Generates, then goes on as usual."""
        build_protos.generate()
        super().run()


setup(cmdclass={"build_py": BuildWithProtos, "sdist": SdistWithProtos})
