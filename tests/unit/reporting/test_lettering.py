"""Customers whose names are written in any script: the real commands, from the folder to the PDF."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pypdf import PageObject, PdfReader

from pov.reporting import lettering
from tests.unit.cli.surroundings import Surroundings
from tests.unit.reporting import simulated

DRAWN = {
    "Japanese": "株式会社サンプル",
    "Thai": "บริษัท ตัวอย่าง",
    "Arabic": "شركة المثال للدفع",
    "Persian, with a joiner": "شرکت می\u200cخواهم",
    "Hebrew": "חברה לדוגמה",
    "Chinese": "北京示例有限公司",
    "Chinese, Taiwan": "臺灣範例股份有限公司",
    "Korean": "주식회사 예시",
    "Hindi": "उदाहरण क्षत्रिय लिमिटेड",
    "Bengali": "উদাহরণ লিমিটেড",
    "Tamil": "எடுத்துக்காட்டு",
    "Telugu": "ఉదాహరణ",
    "Burmese": "ရန်ကုန် ကုမ္ပဏီ",
    "Khmer": "ក្រុមហ៊ុន ឧទាហរណ៍",
    "Lao": "ບໍລິສັດ ຕົວຢ່າງ",
    "Greek": "Παράδειγμα Α.Ε.",
    "Russian": "ООО «Пример»",
    "Vietnamese": "Công ty Ví dụ Trách nhiệm",
    "typographic": "“Acme” – Zürich’s №1 • €5 ✓ → ≤",
    "Georgian": "მაგალითი",
}
LACKING = {
    "a rocket": ("Acme 🚀", "U+1F680 ROCKET"),
    "a family": ("Kids 👩\u200d👧", "U+1F467 GIRL"),
    "a flag": ("Firma 🇩🇪", "U+1F1E9"),
    "Ethiopic": ("ትግርኛ", "ETHIOPIC SYLLABLE"),
    "Sinhala": ("සිංහල", "SINHALA"),
    "a rare ideograph": ("𠀀 Ltd", "U+20000"),
}


@pytest.mark.parametrize("script", DRAWN)
def test_fonts_come_along(script: str) -> None:
    assert lettering.lacking([DRAWN[script], f"Proof of value for {DRAWN[script]}"]) == ()


@pytest.mark.parametrize("letter", ["\a", "\x1b", "\0"])
def test_a_control_character_is_lacking_and_no_other_letter_is_blamed_for_it(letter: str) -> None:
    assert lettering.lacking([f"“rung{letter}” in Zürich"]) == (letter,)
    assert lettering.lacking(["two\n\tlines"]) == ()


def reported(folder: Path, customer: str) -> PdfReader:
    """What `pov report` makes for a customer of that name."""
    around = Surroundings(folder)
    engagement = {"name": "x", "customer": {"name": customer}}
    run = simulated.save(around.here / ".pov" / "demo" / "runs", environment_changes={"engagement": engagement})
    done = around.pov("report")
    assert done.returncode == 0, done.stderr
    assert "stands in its place" not in done.stdout
    return PdfReader(around.here / ".pov" / "demo" / "reports" / run.name / "report.pdf")


def drawn(page: PageObject) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Two bytes for each glyph of a page with its font, as they stand there; and what the page says clusters mean."""
    glyphs: list[tuple[str, bytes]] = []
    meant: list[str] = []
    font = [""]

    def see(operator: bytes, operands: list[Any], *_: object) -> None:
        if operator == b"Tf":
            font[0] = str(operands[0])
        elif operator in {b"Tj", b"TJ"}:
            parts = operands[0] if operator == b"TJ" else operands
            shown = b"".join(_bytes(part) for part in parts if not isinstance(part, int | float))
            glyphs.extend((font[0], shown[at : at + 2]) for at in range(0, len(shown), 2))
        elif operator == b"BDC" and isinstance(operands[1], dict) and "/ActualText" in operands[1]:
            told = operands[1]["/ActualText"]
            meant.append(told.decode("utf-16") if isinstance(told, bytes) else str(told))

    page.extract_text(visitor_operand_before=see)
    return glyphs, meant


def _bytes(part: Any) -> bytes:
    return part if isinstance(part, bytes) else bytes(part.original_bytes)


def test_a_report_may_speak_every_script_at_once(tmp_path: Path) -> None:
    everybody = " ".join(DRAWN.values())
    pdf = reported(tmp_path, everybody)
    assert pdf.metadata is not None
    assert everybody in str(pdf.metadata.title).replace("\u2068", "").replace("\u2069", "")
    page = pdf.pages[0].extract_text()
    assert "株式会社サンプル" in page
    assert "ООО «Пример»" in page
    assert lettering.PLACEHOLDER not in page


def test_thai_stands_there_in_its_order_with_each_mark_on_its_letter(tmp_path: Path) -> None:
    page = reported(tmp_path, DRAWN["Thai"]).pages[0]
    letters = iter(page.extract_text())
    assert all(letter in letters for letter in DRAWN["Thai"])
    _, meant = drawn(page)
    assert [one for one in meant if one != "\xad"] == re.findall(
        "[ก-ฮ][\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]+", DRAWN["Thai"]
    )


def test_arabic_is_joined_and_runs_from_right_to_left(tmp_path: Path) -> None:
    """Three of one letter (first, middle, last), one alone, and one before another that joins no further."""
    glyphs, _ = drawn(reported(tmp_path, "ححح ح حد").pages[0])
    latin = glyphs[0][0]
    # The first that are drawn in another font, from left to right; spaces between words are the text's own.
    start = next(at for at, (font, _) in enumerate(glyphs) if font != latin)
    dal, before_dal, _, alone, _, last, middle, first = glyphs[start : start + 8]
    assert before_dal == first
    assert len({dal, first, middle, last, alone}) == 5


def test_japan_and_korea_have_their_own_forms_of_a_character() -> None:
    assert lettering.families(["株式会社サンプル"])[1] == "Noto Sans JP"
    assert lettering.families(["주식회사 株式"])[1] == "Noto Sans KR"
    assert lettering.families(["北京"])[1] == "Noto Sans SC"


def test_a_date_behind_an_arabic_name_keeps_its_order() -> None:
    told = lettering.isolated({"a": ["stated by محمد علي، رئيس العمليات, 2026-03-02", "Ltd", 3, None]})
    assert told == {"a": ["stated by \u2068محمد علي، رئيس العمليات\u2069, 2026-03-02", "Ltd", 3, None]}
    assert lettering.lacking(told["a"][:1]) == ()


@pytest.mark.parametrize("case", LACKING)
def test_a_letter_that_no_font_has_costs_no_report(tmp_path: Path, case: str) -> None:
    name, told = LACKING[case]
    around = Surroundings(tmp_path)
    engagement = {"name": "x", "customer": {"name": name}}
    run = simulated.save(around.here / ".pov" / "demo" / "runs", environment_changes={"engagement": engagement})
    done = around.pov("report")
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
    assert "stands in its place" in done.stdout
    folder = around.here / ".pov" / "demo" / "reports" / run.name
    page = PdfReader(folder / "report.pdf").pages[0].extract_text()
    assert lettering.PLACEHOLDER in page
    assert told in page
    # What is not drawn is still in the data.
    assert name in json.loads((folder / "report.json").read_text())["title"]


@pytest.mark.parametrize("case", LACKING)
def test_init_and_up_say_so_before_anything_is_measured(tmp_path: Path, case: str) -> None:
    name, told = LACKING[case]
    around = Surroundings(tmp_path)
    for option in ("--customer", "--stated-by"):
        done = around.pov("init", "acme", option, name)
        assert done.returncode == 2
        assert f"{option}: no font here draws" in done.stderr
        assert told in done.stderr
    assert around.files() == set()
    assert around.pov("init", "acme", "--scenario", "quickstart").returncode == 0
    file = around.here / "acme" / "engagement.yaml"
    file.write_text(file.read_text().replace('name: "acme"', f'name: "{name}"'))
    before = around.files()
    done = around.pov("up", "--engagement", "acme")
    assert done.returncode == 2
    assert "customer.name: no font here draws" in done.stderr
    assert around.files() == before


@pytest.mark.parametrize("script", ["Japanese", "Arabic", "Persian, with a joiner", "Hindi"])
def test_init_and_up_take_what_can_be_drawn(tmp_path: Path, script: str) -> None:
    around = Surroundings(tmp_path)
    done = around.pov("init", "acme", "--scenario", "quickstart", "--customer", DRAWN[script])
    assert done.returncode == 0, done.stderr
    assert "environment quickstart" in around.pov("up", "--engagement", "acme").stderr
