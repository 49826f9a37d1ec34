"""What a step is done with: hashes of its input files and its settings; and how two of those differ, in words."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recaudit.checkpoints.sae_folder import SETTINGS_NAMES
from recaudit.store.steps import DeclaredRun
from recaudit.text import printable

_DATA = frozenset(
    [".csv", ".tsv", ".txt", ".dat", ".data", ".item", ".user", ".inter", ".parquet", ".pq", ".zip", ".gz"]
)
"""Files of a data folder that can be read as tables. A note or a report beside them may change."""
_WEIGHTS = frozenset(
    [".pt", ".pth", ".bin", ".pkl", ".safetensors", ".npz", ".npy", ".csv", ".json", ".yaml", ".yml"]
)
"""Files of a folder of weights that say what they are."""
_DATA_KEYS = ("data", "ratings")
_WEIGHT_KEYS = ("checkpoint", "sae")


class Digests:
    """Hashes of files, each computed once."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, str]] = {}

    def of(self, key: str, path: Path) -> dict[str, str]:
        """Name to sha256: of a file, or of the files of a folder that matter to what the key names."""
        if path not in self._known:
            self._known[path] = {name: _sha256(file) for name, file in _files(key, path)}
        return self._known[path]


def _files(key: str, path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield path.name, path
        if key in _WEIGHT_KEYS:
            yield from _companions(path)
        return
    # Data are read from the folder itself, weights may lie deeper.
    flat = key in _DATA_KEYS
    for file in sorted(path.iterdir() if flat else path.rglob("*")):
        name = file.relative_to(path)
        hidden = any(part.startswith(".") for part in name.parts)
        if file.is_file() and not hidden and name.suffix.lower() in (_DATA if flat else _WEIGHTS):
            yield name.as_posix(), file


def _companions(path: Path) -> Iterator[tuple[str, Path]]:
    """What a tool keeps beside a file: its settings, and parts named after it."""
    for file in sorted(path.parent.glob(f"{glob.escape(path.name)}.*")):
        if file.is_file():
            yield file.name, file
    for name in SETTINGS_NAMES:
        file = path.with_name(name)
        if file.is_file() and file != path:
            yield name, file


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Stamp:
    """What decides a step's result, beside the steps it builds on and recaudit's version."""

    step: str
    about: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Key to the files it names: name to sha256."""

    def declared(self) -> dict[str, Any]:
        """As it is stored, and as ``changes`` compares it."""
        said = {
            "step": self.step,
            "about": self.about,
            "model": self.model,
            "settings": dict(self.settings),
            "files": {key: dict(files) for key, files in self.files.items()},
        }
        plain: dict[str, Any] = json.loads(json.dumps(said, default=str, sort_keys=True))
        return plain

    def unchanged(self) -> str:
        """What was looked at, for a step that is up to date."""
        parts = [
            f"{key} {next(iter(files.values()))[:8]}…" if len(files) == 1 else f"{len(files)} {key} files"
            for key, files in self.files.items()
        ]
        return "up to date: " + ", ".join([*parts, "settings"]) + " unchanged"


def changes(stored: DeclaredRun, wanted: Stamp, version: str) -> list[str]:
    """What differs between a run and what is wanted now, in words; empty for nothing."""
    said = wanted.declared()
    found = list(_file_changes(stored.declared["files"], said["files"]))
    before, now = _flat(stored.declared["settings"]), _flat(said["settings"])
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            found.append(f"{name}: {_shown(before.get(name))} → {_shown(now.get(name))}")
    if stored.tool_version != version:
        found.append(f"recaudit {stored.tool_version} → {version}")
    return found


def _file_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old is None or new is None:
            yield f"{key} is {'new' if old is None else 'no longer given'}"
        elif len(old) == len(new) == 1:
            (was,), (is_,) = old.values(), new.values()
            if was != is_:
                yield f"{key} {was[:8]}… → {is_[:8]}…"
        elif old != new:
            yield f"{key}: {', '.join(_names_changed(old, new))}"


def _names_changed(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield f"{printable(name, 60)} is gone"
        elif name not in old:
            yield f"{printable(name, 60)} is new"
        elif old[name] != new[name]:
            yield f"{printable(name, 60)} changed"


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        elif value is not None and value is not False and value != []:
            # What is not given and what is switched off are the same; a zero is neither.
            flat[prefix + name] = value
    return flat


def _shown(value: Any) -> str:
    return "none" if value is None else printable(value, 60)
