"""Sheets (XLSX) of supervision. Whatever people typed is written as text: no cell of ours is ever a formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO

import xlsxwriter

from citizen_services.cases import figures
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

#: Rows of a sheet: the format takes 1 048 576 lines.
MOST_ROWS = 1_000_000


class Workbook:
    """A workbook in the making, row by row; what is done is on the disk, not in memory."""

    def __init__(self, file: IO[bytes], scratch: Path | None = None) -> None:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = xlsxwriter.Workbook(file, options | ({"tmpdir": str(scratch)} if scratch else {}))
        self._bold = self._book.add_format({"bold": True})

    def sheet(self, name: str, headings: Sequence[str], rows: Iterable[Sequence[str | int | float | None]]) -> None:
        """A sheet with a line of headings; numbers as numbers, all else as text. What's left goes on in another."""
        left, number = iter(rows), 1
        while True:
            sheet = self._book.add_worksheet(name if number == 1 else f"{name}（{number}）")
            sheet.set_column(0, len(headings) - 1, 18)
            for column, heading in enumerate(headings):
                sheet.write_string(0, column, heading, self._bold)
            line = 0
            for line, row in enumerate(islice(left, MOST_ROWS), start=1):
                for column, value in enumerate(row):
                    if isinstance(value, (int, float)):
                        sheet.write_number(line, column, value)
                    elif value:
                        sheet.write_string(line, column, value)
            if line < MOST_ROWS:
                return
            number += 1

    def __enter__(self) -> Workbook:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None) -> None:
        """Finish the file; where something went wrong, only let go of what it wrote beside."""
        if fault is None:
            self._book.close()
            return
        for sheet in self._book.worksheets():
            sheet.row_data_fh.close()
        self._book.fileclosed = 1


def fill(
    book: Workbook,
    figures_of: str,
    month: date,
    cases: Iterable[Sequence[str | int]],
    ratings: Iterable[Sequence[str]],
) -> None:
    """The four sheets of an export of a month."""
    book.sheet("按月", ("月份", *FIGURES), month_rows(figures.months(figures_of)))
    book.sheet("按事项", ("事项", *FIGURES), item_rows(figures.items_of(figures_of, month)))
    book.sheet("办结的办件", CASES, cases)
    book.sheet("评价", RATINGS, ratings)


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
