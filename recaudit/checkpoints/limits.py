"""How much of the machine one untrusted file may use."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds on reading one file. Sizes that depend on the file are bounded by its size."""

    seconds: int = 300
    """Wall-clock and processor time of the reading process."""
    memory_bytes: int = 1024 * MIB
    """Address space on top of ``memory_per_byte`` times the file's size."""
    memory_per_byte: int = 3
    output_bytes: int = 256 * MIB
    """Decoded arrays on top of ``output_per_byte`` times the file's size."""
    output_per_byte: int = 8
    opcodes: int = 50_000_000
    """Pickle instructions."""
    depth: int = 1_000
    """Containers inside containers."""
    values: int = 20_000_000
    """Values in the decoded tree, shared ones counted where they are used."""
    nested_files: int = 3
    """Files inside bytes values inside files."""
    zip_members: int = 65_536
    inflated_bytes: int = 64 * MIB
    """Decompressed zip members on top of ``inflated_per_byte`` times the file's size."""
    inflated_per_byte: int = 100
    header_bytes: int = 100 * MIB
    """JSON header of safetensors; the reference reader has the same bound."""
    text_bytes: int = 2048 * MIB
    """Size of a JSON or CSV file."""

    def memory_for(self, file_bytes: int) -> int:
        return self.memory_bytes + self.memory_per_byte * file_bytes

    def output_for(self, file_bytes: int) -> int:
        return self.output_bytes + self.output_per_byte * file_bytes

    def inflated_for(self, file_bytes: int) -> int:
        return self.inflated_bytes + self.inflated_per_byte * file_bytes


DEFAULT_LIMITS = Limits()
