"""Files and JSON as anybody may have put them there or written them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pov.base.files import bytes_of, text_of
from pov.model.reading import parsed


def test_a_file_is_read_and_a_link_to_one_too(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"caf\xe9\n")
    link.symlink_to("file")
    assert bytes_of(link) == b"caf\xe9\n"
    assert text_of(link) == "caf\N{REPLACEMENT CHARACTER}\n"


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder", "loop", "nowhere", "nothing"])
def test_what_is_no_file_is_told_and_never_waited_for(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("device").symlink_to("/dev/zero")
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    Path("nowhere").symlink_to("target")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for read in (bytes_of, text_of):
            with pytest.raises(OSError) as caught:
                read(Path(kind))
    assert ("is a device, a pipe or a socket" in str(caught.value)) == (kind in {"pipe", "socket", "device"})


@pytest.mark.parametrize(
    "content",
    [
        "[" * 200_000,
        '{"a":' * 200_000,
        '{"a": "\\ud800"}',
        '{"\\uDFFF": 1}',
        '"\\ude00\\ud83d"',
        "",
        "{",
        "9" * 6000,
        b"\xff",
    ],
)
def test_what_is_no_document_has_one_kind_of_error(content: str | bytes) -> None:
    with pytest.raises(ValueError):
        parsed(content)


def test_two_halves_that_belong_together_are_a_letter() -> None:
    assert parsed('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}
    assert parsed(b'{"a": "\\\\ud800"}') == {"a": "\\ud800"}
