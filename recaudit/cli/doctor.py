"""``recaudit doctor``"""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from recaudit import __version__
from recaudit.cli.output import db_option, format_option, show
from recaudit.errors import RecauditError

_PACKAGES = (
    "torch",
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "duckdb",
    "textual",
    "rich",
    "click",
    "ollama",
)


@click.command()
@format_option
@db_option
def doctor(db: Path, format_: str) -> None:
    """Versions, paths and devices: what a bug report needs. Imports nothing heavy."""
    rows: list[tuple[str, object]] = [
        ("recaudit", __version__),
        ("python", f"{platform.python_version()} ({sys.executable})"),
        ("platform", platform.platform()),
        ("cores", os.cpu_count()),
        *((package, _version(package)) for package in _PACKAGES),
        (
            "accelerator",
            "NVIDIA driver present" if Path("/proc/driver/nvidia/version").exists() else "none found",
        ),
        ("ollama host", os.environ.get("OLLAMA_HOST", "http://127.0.0.1:11434 (default)")),
        ("settings file", _settings()),
        ("audit file", _audit(db)),
    ]
    show(["what", "found"], [[name, str(value)] for name, value in rows], format_)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _settings() -> str:
    from recaudit.cli.settings import nearest

    return str(nearest(Path.cwd()) or "none")


def _audit(db: Path) -> str:
    from recaudit.store import read, reading

    try:
        with reading(db) as audit:
            return f"{db} ({len(read.models(audit))} models)"
    except RecauditError as error:
        return error.message
