"""The two ways a file can be refused, with the fix that usually helps."""

from __future__ import annotations

from recaudit.errors import InputRefused
from recaudit.text import printable


class Damaged(InputRefused):
    """The bytes contradict the format they claim to be."""

    def __init__(
        self,
        message: str,
        *,
        fix: str = "Copy or download the file again, or save it again with the tool that made it.",
    ) -> None:
        super().__init__(message, fix=fix)


class Unsafe(InputRefused):
    """Loading the file the usual way would run code, or eat the machine."""

    def __init__(
        self,
        message: str,
        *,
        fix: str = (
            "Do not load this file with pickle, torch.load or joblib; "
            "ask its author for the weights as safetensors."
        ),
    ) -> None:
        super().__init__(message, fix=fix)


def short(text: object) -> str:
    """A name from a file, quoted and cut so that a sentence around it stays readable."""
    return f"“{printable(text, 80)}”"
