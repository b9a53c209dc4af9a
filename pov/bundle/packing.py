"""Digests and gzip over files of any size, in pieces; gzip on all processors, since images are gigabytes."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

PIECE = 4 * 2**20
_RAW = -zlib.MAX_WBITS
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""gzip, deflate, no name, no time, no system (RFC 1952)."""

LEVEL = 4
"""Measured on Argo CD's layer: level 4 leaves 29 % after 3.4 s of processor time, 6 leaves 28 % after 6.5 s, 1 leaves
32 % after 2.3 s. zstd would leave 26 % after 0.8 s, but neither Python 3.11 nor a bare Debian can read it."""


def pieces(stream: IO[bytes] | gzip.GzipFile, size: int = PIECE) -> Iterator[bytes]:
    """What is left of a stream, piece by piece."""
    while piece := stream.read(size):
        yield piece


def digest_of(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pack(source: Path, target: Path) -> tuple[int, str]:
    """Write `source` as gzip to `target`. Returns the size and SHA-256 of what was read.

    Pieces are compressed side by side into one stream (RFC 1952): each ends at a byte (a sync flush), so that they can
    be joined. The same content gives the same bytes.
    """
    digest = hashlib.sha256()
    size = checksum = 0
    workers = os.cpu_count() or 1
    waiting: deque[Future[bytes]] = deque()
    with source.open("rb") as read, target.open("wb") as write, ThreadPoolExecutor(workers) as pool:
        write.write(_HEADER)
        for piece in pieces(read):
            digest.update(piece)
            checksum = zlib.crc32(piece, checksum)
            size += len(piece)
            waiting.append(pool.submit(_compress, piece))
            if len(waiting) > 2 * workers:
                write.write(waiting.popleft().result())
        for future in waiting:
            write.write(future.result())
        write.write(zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW).flush() + struct.pack("<II", checksum, size % 2**32))
    return size, digest.hexdigest()


def unpack(source: IO[bytes]) -> gzip.GzipFile:
    """The content of a gzip stream, as a stream."""
    return gzip.GzipFile(fileobj=source, mode="rb")


def _compress(piece: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW)
    return packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
