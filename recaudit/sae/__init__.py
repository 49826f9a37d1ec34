"""Sparse autoencoders on recommender vectors: encode, decode, and the self-check of a reading.

``Codes`` and ``decode`` are plain numpy; encoding needs torch, which costs a second and is loaded when asked.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recaudit.sae.codes import Codes
from recaudit.sae.decoding import decode

if TYPE_CHECKING:
    from recaudit.sae.autoencoder import SparseAutoencoder
    from recaudit.sae.selfcheck import SelfCheck, check_reading

__all__ = ["Codes", "SelfCheck", "SparseAutoencoder", "check_reading", "decode"]

_LATER = {"SparseAutoencoder": "autoencoder", "SelfCheck": "selfcheck", "check_reading": "selfcheck"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
