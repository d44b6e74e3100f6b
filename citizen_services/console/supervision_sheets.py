"""Sheets (XLSX) of supervision. Whatever people typed is written as text: no cell of ours is ever a formula."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime

import xlsxwriter

from citizen_services.cases.figure_models import MonthFigure
from citizen_services.cases.models import Case, Rating, Rectification
from citizen_services.cases.ratings import GRADES
from citizen_services.console.render import DOORS
from citizen_services.console.supervision_words import HEADINGS, cells, item_name, month_words
from citizen_services.people.queries import office
from citizen_services.rules.dates import chinese_moment
from citizen_services.words import state_word

#: The media type of the file.
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Workbook:
    """A workbook in the making, row by row; what is done is on the disk, not in memory."""

    def __init__(self) -> None:
        self._file = io.BytesIO()
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(self._file, options)
        self._bold = self._book.add_format({"bold": True})

    def sheet(self, name: str, headings: Sequence[str], rows: Iterable[Sequence[str | int | float | None]]) -> None:
        """A sheet with a line of headings; numbers as numbers, all else as text."""
        sheet = self._book.add_worksheet(name)
        sheet.set_column(0, len(headings) - 1, 18)
        for column, heading in enumerate(headings):
            sheet.write_string(0, column, heading, self._bold)
        for line, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                if isinstance(value, (int, float)):
                    sheet.write_number(line, column, value)
                elif value:
                    sheet.write_string(line, column, value)

    def bytes(self) -> bytes:
        """The finished file."""
        self._book.close()
        return self._file.getvalue()


def month_rows(rows: Iterable[MonthFigure]) -> Iterable[Sequence[str]]:
    """Figures by month, as the page shows them."""
    for row in rows:
        yield [month_words(row.month), *cells(row)]


def item_rows(rows: Iterable[MonthFigure]) -> Iterable[Sequence[str]]:
    """Figures of a month by item, as the page shows them."""
    for row in rows:
        yield [item_name(row.item), *cells(row)]


FIGURES = HEADINGS
CASES = ("编号", "事项", "单位", "渠道", "状态", "提交", "受理", "办结", "到场次数")
RATINGS = ("编号", "单位", "评价", "意见", "时间", "整改", "回访", "整改情况")


def case_row(case: Case) -> Sequence[str | int]:
    """A case without anything of its person."""
    return [
        case.number,
        item_name(case.item, case.item_version),
        office(case.office_code).name,
        DOORS.get(case.door, case.door),
        state_word(case.state).text,
        _moment(case.submitted_at),
        _moment(case.accepted_at),
        _moment(case.ended_at),
        case.visits,
    ]


def rating_row(rating: Rating, case: Case, put_right: Rectification | None) -> Sequence[str]:
    """A rating with its words, and what was done about a bad one."""
    state = "" if put_right is None else "已整改" if put_right.state == "done" else "待整改"
    return [
        case.number,
        office(rating.office_code).name,
        GRADES[rating.grade],
        rating.words or "",
        _moment(rating.at),
        state,
        (put_right.call_note or "") if put_right else "",
        (put_right.measures or "") if put_right else "",
    ]


def _moment(at: datetime | None) -> str:
    return chinese_moment(at) if at is not None else ""
