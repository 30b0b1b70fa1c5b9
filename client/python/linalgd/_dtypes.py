"""The dtypes of signatures: their names in numpy, DLPack and safetensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The codes of DLDataTypeCode.
DL_INT, DL_UINT, DL_FLOAT, DL_BFLOAT, DL_COMPLEX, DL_BOOL = 0, 1, 2, 4, 5, 6


@dataclass(frozen=True)
class DType:
    """One dtype.

    Attributes:
        name: as signatures spell it, "float32".
        code: DLPack's type code.
        bits: size of an element.
        safetensors: its name in a safetensors header; "" where the format lacks it.
    """

    name: str
    code: int
    bits: int
    safetensors: str

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.bits // 8

    def numpy(self) -> np.dtype[np.generic]:
        """The numpy dtype; bfloat16 is that of ml_dtypes."""
        if self.name == "bfloat16":
            import ml_dtypes

            bfloat16: np.dtype[np.generic] = np.dtype(ml_dtypes.bfloat16)
            return bfloat16
        return np.dtype(self.name)


_ALL = (
    DType("float32", DL_FLOAT, 32, "F32"),
    DType("float64", DL_FLOAT, 64, "F64"),
    DType("float16", DL_FLOAT, 16, "F16"),
    DType("bfloat16", DL_BFLOAT, 16, "BF16"),
    DType("int8", DL_INT, 8, "I8"),
    DType("int16", DL_INT, 16, "I16"),
    DType("int32", DL_INT, 32, "I32"),
    DType("int64", DL_INT, 64, "I64"),
    DType("uint8", DL_UINT, 8, "U8"),
    DType("bool", DL_BOOL, 8, "BOOL"),
    DType("complex64", DL_COMPLEX, 64, "C64"),
    DType("complex128", DL_COMPLEX, 128, ""),
)

DTYPES = {dtype.name: dtype for dtype in _ALL}
FROM_SAFETENSORS = {dtype.safetensors: dtype for dtype in _ALL if dtype.safetensors}
FROM_DLPACK = {(dtype.code, dtype.bits): dtype for dtype in _ALL}
