"""Element types a file may name, and the ones NumPy lacks."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import numpy.typing as npt

from recaudit.checkpoints.refusals import Damaged, short

_PLAIN = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c8|c16|[SU]\d{0,9}|[mM]8(\[\d{0,4}[a-zA-Z]{1,2}\])?)")
LARGEST_DIMENSIONS = 32


def plain_dtype(text: str) -> np.dtype:
    """The NumPy type written ``text``; refuses structures, objects and anything unusual."""
    unusual = Damaged(
        f"the element type {short(text)} is not one that tables of numbers or names have",
        fix="Save the array as float32, float64, an integer type or text.",
    )
    if not _PLAIN.fullmatch(text):
        raise unusual
    try:
        return np.dtype(text)
    except TypeError as error:
        raise unusual from error


def element_count(shape: tuple[int, ...]) -> int:
    """Product of ``shape``, which must be a tuple of counts."""
    whole = isinstance(shape, tuple) and all(type(size) is int and size >= 0 for size in shape)
    if not whole or len(shape) > LARGEST_DIMENSIONS:
        raise Damaged(f"{short(shape)} is no array shape")
    count = 1
    for size in shape:
        count *= size
    return count


def array_from_bytes(
    content: memoryview | bytes | bytearray,
    dtype: np.dtype,
    shape: tuple[int, ...],
    *,
    column_major: bool = False,
) -> np.ndarray:
    """A native-endian view (or copy) of exactly ``content``."""
    expected = element_count(shape) * dtype.itemsize
    if expected != len(content):
        raise Damaged(
            f"an array of shape {shape} and type {dtype.str} needs {expected} bytes, "
            f"but {len(content)} are there"
        )
    if dtype.itemsize == 0 or expected == 0:
        return np.empty(shape, dtype)
    flat = np.frombuffer(content, dtype)
    array = flat.reshape(shape, order="F" if column_major else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def widen_bfloat16(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """bfloat16 is the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def widen_float8(codes: npt.NDArray[np.uint8], dtype: str) -> npt.NDArray[np.float32]:
    """8-bit floats of the type torch calls ``dtype``, each looked up in the table of all 256."""
    return np.asarray(_float8_values(*FLOAT8[dtype])[codes])


@cache
def _float8_values(exponent_bits: int, bias: int, variant: str) -> npt.NDArray[np.float32]:
    code = np.arange(256)
    mantissa_bits = 7 - exponent_bits
    sign = np.where(code & 0x80, -1.0, 1.0)
    exponent = (code >> mantissa_bits) & ((1 << exponent_bits) - 1)
    mantissa = (code & ((1 << mantissa_bits) - 1)) / (1 << mantissa_bits)
    normal = (1 + mantissa) * 2.0 ** (exponent - bias)
    values = sign * np.where(exponent == 0, mantissa * 2.0 ** (1 - bias), normal)
    if variant == "ieee":
        top = exponent == (1 << exponent_bits) - 1
        values[top] = np.where(mantissa[top] == 0, sign[top] * np.inf, np.nan)
    else:
        values[[0x7F, 0xFF] if variant == "fn" else [0x80]] = np.nan
    return values.astype(np.float32)


FLOAT8 = {
    "float8_e4m3fn": (4, 7, "fn"),
    "float8_e5m2": (5, 15, "ieee"),
    "float8_e4m3fnuz": (4, 8, "fnuz"),
    "float8_e5m2fnuz": (5, 16, "fnuz"),
}
"""Name as torch writes it -> exponent bits, bias, and where infinity and NaN are: ``ieee`` has both
at the highest exponent, ``fn`` only NaN at all ones, ``fnuz`` only NaN in place of minus zero."""
