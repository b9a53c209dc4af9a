"""The smallest image there is, for trying an engine out: nothing has to be pulled, compiled or packed by a tool."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

IMAGE = "localhost/pov-probe:1"
_MACHINES = {"x86_64": 62, "amd64": 62, "aarch64": 183, "arm64": 183}
_EXIT_0 = {
    # mov edi, 0; mov eax, 60; syscall
    62: "31ffb83c0000000f05",
    # mov x0, 0; mov x8, 93; svc 0
    183: "000080d2a80b80d2010000d4",
}


def write_root(archive: Path, architecture: str) -> None:
    """Write a root file system that holds the one program `/probe`, which ends with 0, for an engine's processor."""
    content = program(architecture)
    entry = tarfile.TarInfo("probe")
    entry.size, entry.mode = len(content), 0o755
    with tarfile.open(archive, "w") as tar:
        tar.addfile(entry, io.BytesIO(content))


def program(architecture: str) -> bytes:
    """A static Linux program that calls exit(0) and nothing else (ELF-64). Raises `ValueError` for other processors."""
    machine = _MACHINES.get(architecture)
    if machine is None:
        raise ValueError(f"the processor is {architecture or 'unknown'}, and x86-64 or arm64 is needed")
    code = bytes.fromhex(_EXIT_0[machine])
    base, header, segment_header = 0x400000, 64, 56
    size = header + segment_header + len(code)
    entry = base + header + segment_header
    elf = b"\x7fELF\x02\x01\x01" + bytes(9)
    elf += (2).to_bytes(2, "little") + machine.to_bytes(2, "little") + (1).to_bytes(4, "little")
    elf += entry.to_bytes(8, "little") + header.to_bytes(8, "little") + bytes(8) + bytes(4)
    elf += b"".join(n.to_bytes(2, "little") for n in (header, segment_header, 1, 0, 0, 0))
    segment = (1).to_bytes(4, "little") + (5).to_bytes(4, "little") + bytes(8)
    segment += base.to_bytes(8, "little") * 2 + size.to_bytes(8, "little") * 2 + (0x1000).to_bytes(8, "little")
    return elf + segment + code
