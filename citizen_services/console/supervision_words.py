"""Figures as people read them, on the page, beside the charts and in exported sheets alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from citizen_services.cases.figure_models import MonthFigure
from citizen_services.catalogue.registry import UnknownItem
from citizen_services.parts import parts

#: Columns of the tables of figures: the heading and what it says of a row.
HEADINGS = (
    "收件", "办结", "零跑", "最多跑一次", "不予受理、不予批准", "撤回", "按承诺办结", "等待（中位 / 九成）",
    "办理（中位 / 九成）", "补正（新增）", "评价（差评）", "平均分",
)  # fmt: skip


def item_name(code: str, version: int | None = None) -> str:
    """The name of a service item; its code where it isn't declared any more."""
    try:
        return parts().catalogue.item(code, version).name
    except UnknownItem:
        return code


def share(part: int, whole: int) -> str:
    """``97.5%``; a stroke where there was nothing."""
    return f"{part / whole * 100:.1f}%" if whole else "—"


def lasting(seconds: float | None) -> str:
    """How long something took: ``35 分钟``, ``6.5 小时``, ``2.1 天``; a stroke where nothing did."""
    if seconds is None:
        return "—"
    if seconds < 3600:
        return f"{round(seconds / 60)} 分钟"
    return f"{seconds / 3600:.1f} 小时" if seconds < 2 * 86400 else f"{seconds / 86400:.1f} 天"


def month_words(month: date) -> str:
    """``2026年11月``."""
    return f"{month.year}年{month.month}月"


def cells(row: MonthFigure) -> list[str]:
    """A row of figures, in order of HEADINGS."""
    return [
        str(row.sent),
        str(row.ended),
        f"{share(row.without_trip, row.completed)}（{row.without_trip}/{row.completed}）",
        f"{share(row.one_trip_at_most, row.completed)}（{row.one_trip_at_most}/{row.completed}）",
        str(row.refused),
        str(row.withdrawn),
        share(row.in_time, row.promised),
        f"{lasting(row.waiting_median_s)} / {lasting(row.waiting_p90_s)}",
        f"{lasting(row.handling_median_s)} / {lasting(row.handling_p90_s)}",
        f"{row.corrections}（{row.corrections_new}）",
        f"{row.ratings}（{row.ratings_bad}）",
        f"{row.grades / row.ratings:.2f}" if row.ratings else "—",
    ]


def charts(rows: Sequence[MonthFigure]) -> list[Mapping[str, Any]]:
    """What the charts draw of some months: ``{title, labels, unit, series: [{name, type, data}]}``, oldest first."""
    oldest = list(reversed(rows))
    labels = [month_words(row.month) for row in oldest]

    def percent(part: int, whole: int) -> float | None:
        return round(part / whole * 100, 1) if whole else None

    def hours(seconds: float | None) -> float | None:
        return round(seconds / 3600, 1) if seconds is not None else None

    return [
        {
            "title": "收件与办结",
            "unit": "件",
            "labels": labels,
            "series": [
                {"name": "收件", "type": "bar", "data": [row.sent for row in oldest]},
                {"name": "办结", "type": "bar", "data": [row.ended for row in oldest]},
            ],
        },
        {
            "title": "跑动率",
            "unit": "%",
            "labels": labels,
            "series": [
                {"name": "零跑", "type": "line", "data": [percent(r.without_trip, r.completed) for r in oldest]},
                {
                    "name": "最多跑一次",
                    "type": "line",
                    "data": [percent(r.one_trip_at_most, r.completed) for r in oldest],
                },
            ],
        },
        {
            "title": "等待与办理时长（中位数）",
            "unit": "小时",
            "labels": labels,
            "series": [
                {"name": "等待", "type": "line", "data": [hours(row.waiting_median_s) for row in oldest]},
                {"name": "办理", "type": "line", "data": [hours(row.handling_median_s) for row in oldest]},
            ],
        },
    ]
