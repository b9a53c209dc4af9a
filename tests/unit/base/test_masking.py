"""Secrets in what a terminal showed, in whatever pieces it came."""

from __future__ import annotations

import pytest

from pov.base.masking import Masker
from pov.base.redact import Secret

KNOWN = Secret("hunter2hunter2\nsecond-line-of-it\nabc")
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\r\nb3BlbnNzaC1rZXk\r\nAAAA\r\n-----END OPENSSH PRIVATE KEY-----\r\n"


def masked(*pieces: str) -> str:
    masker = Masker([KNOWN])
    shown = [text for at, piece in enumerate(pieces) for _, text in masker.take(float(at), piece)]
    return "".join([*shown, *(text for _, text in masker.rest())])


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        ("echo hunter2hunter2\r\n", "echo ***\r\n"),
        ("a second-line-of-it b\n", "a *** b\n"),
        ("abc alone is too short to hide\n", "abc alone is too short to hide\n"),
        ("export DB_PASSWORD=correct-horse\n", "export DB_PASSWORD=***\n"),
        ('{"token": "abcd1234"}\n', '{"token": "***"}\n'),
        ("password: swordfish!\n", "password: ***\n"),
        ("curl -H 'Authorization: Bearer abc.def-123'\n", "curl -H 'Authorization: Bearer ***'\n"),
        ("mysql --password=swordfish -u root\n", "mysql --password=*** -u root\n"),
        ("git clone https://me:swordfish@host/x\n", "git clone https://me:***@host/x\n"),
        ("hvs.CAESIJ1234567890abcdefgh\n", "***\n"),
        ("ghp_abcdefghijklmnopqrstuvwx\n", "***\n"),
        ("AKIAIOSFODNN7EXAMPLE\n", "***\n"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2ln\n", "***\n"),
        ("root:$6$saltsalt$0123456789abcdef:1\n", "root:***:1\n"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n", "-----BEGIN CERTIFICATE-----\nMIIB\n"),
        ("sv restart /etc/service/ledger\r\n", "sv restart /etc/service/ledger\r\n"),
        ("the token bucket is full\n", "the token bucket is full\n"),
        ("\x1b]0;a title\x07shown\r\n", "shown\r\n"),
        ("\x1b]52;c;aGVsbG8=\x07shown\r\n", "shown\r\n"),
        ("\x1b[31mred\x1b[0m\r\n", "\x1b[31mred\x1b[0m\r\n"),
    ],
)
def test_what_is_secret_is_hidden_and_nothing_else(shown: str, kept: str) -> None:
    assert masked(shown) == kept
    assert masked(*shown) == kept, "letter by letter, as a terminal echoes what is typed"


@pytest.mark.parametrize(
    "shown",
    [
        "hunter2\x1b[0mhunter2\r\n",  # a colour in between
        "hunter2hun \rter2\r\n",  # wrapped at the right margin
        "hunter2x\x08 \x08hunter2\r\n",  # a slip of the finger, taken back
        "hunter2x\x08\x1b[Khunter2\r\n",  # the same, as readline does it
        "hunter2hunter2",  # a line that never ended
    ],
)
def test_a_secret_is_found_as_the_screen_showed_it(shown: str) -> None:
    assert masked(*shown).strip() == "***"


def test_a_key_that_comes_line_by_line_is_hidden_and_what_follows_is_not() -> None:
    assert masked(KEY + "after\r\n") == "***\r\nafter\r\n"
    lines = KEY.splitlines(keepends=True)
    shown = masked("cat key\r\n", *lines, "prompt> ")
    assert "b3Blbn" not in shown
    assert "AAAA" not in shown
    assert shown.startswith("cat key\r\n***")
    assert shown.endswith("prompt> ")


def test_a_beginning_without_an_end_hides_no_more_than_a_key_is_long() -> None:
    lines = [f"line {number}\n" for number in range(300)]
    shown = masked("-----BEGIN PRIVATE KEY-----\n", *lines)
    assert "line 10\n" not in shown
    assert "line 299\n" in shown


def test_nothing_of_a_line_is_let_go_before_its_end_and_times_are_kept() -> None:
    masker = Masker([KNOWN])
    assert masker.take(1.0, "ec") == []
    assert masker.take(2.0, "ho hi") == []
    assert masker.take(3.0, "\r\nprompt> ") == [(1.0, "ec"), (2.0, "ho hi"), (3.0, "\r\n")]
    assert masker.rest() == [(3.0, "prompt> ")]
    assert masker.rest() == []


def test_a_program_that_never_ends_its_line_is_held_back_only_so_far() -> None:
    masker = Masker([KNOWN])
    gone = [text for _ in range(40) for _, text in masker.take(0.0, "x" * 4000)]
    assert sum(map(len, gone)) > 80_000
    shown = masker.take(1.0, "hunter2hunter2" + "y" * 70_000)
    assert "hunter2" not in "".join(text for _, text in [*shown, *masker.rest()])
