"""Where data comes from: a folder, a zip archive or one file, as a flat set of named files."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from recaudit.errors import EnvironmentProblem, InputRefused
from recaudit.text import printable

_MAX_MEMBERS = 10_000
_MAX_BYTES = 16 << 30
_MAX_RATIO = 200
"""Text tables shrink 3 to 20 times; deflate alone reaches 1,000 on a bomb."""
_RATIO_FREE_BYTES = 64 << 20
_CHUNK = 1 << 20
_TABLE_SUFFIXES = {".csv", ".tsv", ".txt", ".dat", ".data", ".item", ".user", ".inter", ".parquet", ".pq"}


@dataclass(frozen=True)
class DataFolder:
    """Files by the name people see. Paths may point into a scratch folder."""

    name: str
    files: Mapping[str, Path]

    def shown(self) -> str:
        """The file names, for a message."""
        names = sorted(self.files)
        shown = ", ".join(printable(name, 40) for name in names[:12])
        return (shown or "no files") + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def open_source(path: Path, scratch: Path) -> DataFolder:
    """The files of a folder, of a zip archive (unpacked into ``scratch``), or one file alone.

    Raises:
        InputRefused: nothing is there, or the archive is damaged, encrypted or a bomb.
    """
    if path.is_dir():
        return DataFolder(path.resolve().name, {p.name: p for p in sorted(path.iterdir()) if p.is_file()})
    if not path.is_file():
        raise InputRefused(
            f"{printable(path)}: no such file or folder",
            fix="give the folder, zip archive or table of the data",
        )
    if zipfile.is_zipfile(path):
        return DataFolder(path.stem, _unpacked(path, scratch))
    return DataFolder(path.stem, {path.name: path})


def _unpacked(path: Path, scratch: Path) -> dict[str, Path]:
    shown = printable(path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            chosen = _data_members(archive, shown)
            _check_size(chosen, shown, scratch)
            files = {}
            for number, member in enumerate(chosen):
                target = scratch / f"member-{number}"
                _extract(archive, member, target, shown)
                files[PurePosixPath(member.filename).name] = target
            return files
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise InputRefused(
            f"{shown}: a damaged or unsupported zip archive ({printable(error, 120)})",
            fix="download or pack it again, or unpack it and give the folder",
        ) from error


def _data_members(archive: zipfile.ZipFile, shown: str) -> list[zipfile.ZipInfo]:
    """Tables of the one shallowest folder of the archive that holds any."""
    entries = archive.infolist()
    if len(entries) > _MAX_MEMBERS:
        raise InputRefused(
            f"{shown}: {len(entries):,} members, at most {_MAX_MEMBERS:,} are read",
            fix="unpack it and give the folder",
        )
    tables = [entry for entry in entries if _is_table(entry)]
    by_folder: dict[PurePosixPath, list[zipfile.ZipInfo]] = {}
    for entry in tables:
        by_folder.setdefault(PurePosixPath(entry.filename).parent, []).append(entry)
    if not by_folder:
        raise InputRefused(f"{shown}: holds no table", fix="give an archive of csv, dat or parquet files")
    least = min(len(folder.parts) for folder in by_folder)
    shallowest = [folder for folder in by_folder if len(folder.parts) == least]
    if len(shallowest) > 1:
        names = ", ".join(printable(folder, 40) for folder in shallowest[:5])
        raise InputRefused(
            f"{shown}: tables in several folders ({names})", fix="unpack it and give one of the folders"
        )
    chosen = by_folder[shallowest[0]]
    if len({PurePosixPath(entry.filename).name for entry in chosen}) < len(chosen):
        raise InputRefused(f"{shown}: the same member name twice", fix="pack the archive again")
    return chosen


def _is_table(entry: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(entry.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)
    # MovieLens 100K keeps its tables in u.data, u.item, u.user beside u1.base and the like.
    return not entry.is_dir() and not hidden and name.suffix.lower() in _TABLE_SUFFIXES


def _check_size(members: list[zipfile.ZipInfo], shown: str, scratch: Path) -> None:
    size = sum(member.file_size for member in members)
    packed = max(1, sum(member.compress_size for member in members))
    if size > _MAX_BYTES or (size > _RATIO_FREE_BYTES and size > _MAX_RATIO * packed):
        raise InputRefused(
            f"{shown}: {packed:,} bytes would unpack to {size:,}",
            fix="unpack it yourself and give the folder",
        )
    encrypted = next((member for member in members if member.flag_bits & 1), None)
    if encrypted is not None:
        raise InputRefused(
            f"{shown}: {printable(encrypted.filename, 60)} is encrypted", fix="unpack it and give the folder"
        )
    free = shutil.disk_usage(scratch).free
    if size > free:
        raise EnvironmentProblem(
            f"unpacking {shown} needs {size:,} bytes, {free:,} are free", fix="free some disk space"
        )


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, shown: str) -> None:
    left = member.file_size
    with archive.open(member) as source, target.open("wb") as copy:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise InputRefused(
                    f"{shown}: {printable(member.filename, 60)} is larger than the archive says",
                    fix="download or pack it again",
                )
            copy.write(chunk)
