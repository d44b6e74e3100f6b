"""A paper as PDF: selectable text in an embedded subset of the font, a QR code, page numbers, no time but its own."""

from __future__ import annotations

import io
import logging
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from fpdf import FPDF

from citizen_services.rules import qr

#: The font's subsetting tells each table that it writes.
logging.getLogger("fontTools").setLevel(logging.WARNING)

_FONT = "noto"
_MARGIN, _BOTTOM = 22.0, 20.0
_QR_MM = 30.0
#: What stands in the place of a character that the font doesn't have, as Chinese printers do.
GETA = "〓"
#: What may not begin a line, and what may not end one.
_NOT_FIRST = "，。、；：？！）】》〉”’…％%,.;:?!)]}"
_NOT_LAST = "（【《〈“‘([{"
_WORD = re.compile(r"[A-Za-z0-9_.@/:+\-*]+|.", re.DOTALL)


@dataclass(frozen=True)
class Part:
    """A part of a paper: heading, paragraphs, rows of label and value, in that order; each may be empty."""

    title: str = ""
    paragraphs: tuple[str, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Paper:
    """What is printed; ``at`` is the paper's own time, which its file bears too.

    ``proof`` is the address in the QR code and ``checks`` what stands beside it; both empty where there is none.
    """

    title: str
    under_title: str
    at: datetime
    parts: tuple[Part, ...]
    proof: str = ""
    checks: tuple[tuple[str, str], ...] = ()
    foot: str = ""
    author: str = field(default="")


@cache
def _font_file() -> Path:
    return next((Path(__file__).parent / "vendor").glob("noto-sans-sc-*/NotoSansSC_400Regular.ttf"))


class _Sheets(FPDF):
    """A4 sheets with a foot."""

    def __init__(self, paper: Paper) -> None:
        super().__init__(format="A4")
        self._foot = paper.foot
        self.set_margins(_MARGIN, _MARGIN, _MARGIN)
        self.set_auto_page_break(True, _BOTTOM + 4)
        self.set_creation_date(paper.at)
        self.set_title(paper.title)
        self.set_author(paper.author)
        self.set_lang("zh-CN")
        self.add_font(_FONT, "", _font_file())
        self._known = set(self.fonts[_FONT].cmap)  # type: ignore[union-attr]
        self.lacking: dict[str, None] = {}

    def footer(self) -> None:
        self.set_y(-_BOTTOM)
        self.set_font(_FONT, size=8.5)
        self.set_text_color(90)
        self.cell(self.epw / 2, 6, self.known(self._foot))
        self.cell(self.epw / 2, 6, f"第 {self.page_no()} 页，共 {{nb}} 页", align="R")
        self.set_text_color(0)

    def known(self, text: str) -> str:
        """The text as the font can show it: what it lacks is noted and replaced."""
        shown = []
        for character in unicodedata.normalize("NFC", text):
            if ord(character) in self._known or character.isspace():
                shown.append(character)
            else:
                self.lacking[character] = None
                shown.append(GETA)
        return "".join(shown)

    def lines(self, text: str, width: float) -> Iterator[str]:
        """The text broken into lines: numbers and words stay whole, no line begins with a comma."""
        for paragraph in self.known(text).split("\n"):
            line = ""
            for piece in _pieces(paragraph):
                if line and self.get_string_width(line + piece.rstrip()) > width:
                    yield line.rstrip()
                    line = piece.lstrip()
                else:
                    line += piece
                while self.get_string_width(line) > width:
                    cut = next(n for n in range(len(line), 0, -1) if self.get_string_width(line[:n]) <= width)
                    yield line[:cut]
                    line = line[cut:]
            yield line.rstrip()

    def write_lines(self, text: str, size: float, height: float, *, indent: str = "", align: str = "L") -> None:
        """Write a text at full width."""
        self.set_font(_FONT, size=size)
        for line in self.lines(indent + text, self.epw - 2 * self.c_margin):
            self.cell(self.epw, height, line, align=align, new_x="LMARGIN", new_y="NEXT")


def _pieces(text: str) -> Iterator[str]:
    """What stays together on a line: words, and marks with the character that they belong to."""
    held = ""
    for found in _WORD.finditer(text):
        piece = found.group()
        if held and (piece[0] in _NOT_FIRST or held[-1] in _NOT_LAST):
            held += piece
            continue
        if held:
            yield held
        held = piece
    if held:
        yield held


def pdf(paper: Paper) -> bytes:
    """The paper as a PDF file: the same paper is the same bytes."""
    sheets = _Sheets(paper)
    sheets.add_page()
    sheets.write_lines(paper.title, 20, 12, align="C")
    sheets.set_text_color(70)
    sheets.write_lines(paper.under_title, 10.5, 8, align="C")
    sheets.set_text_color(0)
    sheets.ln(6)
    for part in paper.parts:
        _write(sheets, part)
    if paper.proof:
        _prove(sheets, paper)
    if sheets.lacking:
        codes = "、".join(f"U+{ord(one):04X}" for one in sheets.lacking)
        sheets.ln(3)
        sheets.write_lines(f"“{GETA}”代表字库里没有的字，依次为 {codes}；以系统里的原文为准。", 9, 6)
    return bytes(sheets.output())


def _write(sheets: _Sheets, part: Part) -> None:
    if part.title:
        if sheets.will_page_break(30):
            sheets.add_page()
        sheets.ln(2)
        sheets.write_lines(part.title, 13.5, 10)
    for paragraph in part.paragraphs:
        sheets.write_lines(paragraph, 12, 8.4, indent="　　" if not part.rows else "")
        sheets.ln(1.6)
    _rows(sheets, part.rows, 10.5)
    if part.rows:
        sheets.ln(2)


def _rows(sheets: _Sheets, rows: Sequence[tuple[str, str]], size: float, left: float = 0.0) -> None:
    """Rows of a label and a value, each with a thin line under it."""
    label, height = 44.0, 6.2
    value = sheets.epw - left - label
    sheets.set_font(_FONT, size=size)
    sheets.set_draw_color(205)
    for name, text in rows:
        names = list(sheets.lines(name, label - 4))
        texts = list(sheets.lines(text, value - 3))
        tall = max(len(names), len(texts))
        if sheets.will_page_break(min(tall, 3) * height + 2):
            sheets.add_page()
        for number in range(tall):
            sheets.set_x(sheets.l_margin + left)
            sheets.set_text_color(70)
            sheets.cell(label, height, names[number] if number < len(names) else "")
            sheets.set_text_color(0)
            shown = texts[number] if number < len(texts) else ""
            sheets.cell(value, height, shown, new_x="LMARGIN", new_y="NEXT")
        sheets.line(sheets.l_margin + left, sheets.y + 0.7, sheets.l_margin + sheets.epw, sheets.y + 0.7)
        sheets.set_y(sheets.y + 1.4)


def _prove(sheets: _Sheets, paper: Paper) -> None:
    """The QR code and what stands beside it, kept together."""
    if sheets.will_page_break(_QR_MM + 26):
        sheets.add_page()
    sheets.ln(8)
    top = sheets.y
    picture = io.BytesIO(qr.png(paper.proof, "print"))
    sheets.image(picture, x=sheets.l_margin, y=top, w=_QR_MM, h=_QR_MM, alt_text="核对真伪的二维码", link=paper.proof)
    sheets.set_y(top + 1)
    _rows(sheets, paper.checks, 9, left=_QR_MM + 5)
    sheets.set_y(max(sheets.y, top + _QR_MM + 2))
