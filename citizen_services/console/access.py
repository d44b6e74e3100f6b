"""Which cases somebody of the staff may open, and the record of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, cast

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from citizen_services.cases import recusal
from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.seeing import (
    OwnMatter,
    ReasonWanted,
    case_roles,
    held_by_colleague,
    holds,
    office_case,
    record_opening,
    record_reason,
    role_of,
    visible_case,
)
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import KeyReused
from citizen_services.pages import render_error
from citizen_services.people.look_limits import EnoughForToday

__all__ = [
    "OwnMatter",
    "ReasonWanted",
    "case_roles",
    "case_staff",
    "held_by_colleague",
    "holds",
    "office_case",
    "record_opening",
    "record_reason",
    "role_of",
    "tell_refusals",
    "visible_case",
]

_P = ParamSpec("_P")


def case_staff(view: Callable[_P, ResponseReturnValue]) -> Callable[_P, ResponseReturnValue]:
    """Let only staff into a view whose roles have to do with cases; 403 with a word to all others."""

    @wraps(view)
    @staff_required()
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> ResponseReturnValue:
        if not current_actor().roles & case_roles():
            return render_template("console/no_cases.html"), 403
        return view(*args, **kwargs)

    return cast(Callable[_P, ResponseReturnValue], guarded)


def _no_such_case(fault: NoSuchCase | ReasonWanted) -> ResponseReturnValue:
    return render_error(404)


def _own_matter(fault: OwnMatter) -> ResponseReturnValue:
    if fault.sentence != recusal.OWN:
        return render_error(
            403, title="您须回避这个办件", text=fault.sentence, advice="需要交接的，请告诉同事办件编号。"
        )
    return render_error(
        403,
        title="这是您本人的办件",
        text="本人的办件不能在工作台上查看和办理，须由其他同事办理。",
        advice="请在微信公众号“我的办件”里查看进度。",
    )


def _key_reused(fault: KeyReused) -> ResponseReturnValue:
    return render_error(422, text=fault.sentence)


def _enough_for_today(fault: EnoughForToday) -> ResponseReturnValue:
    rollback()
    return render_error(
        429, title="今天的查看次数已满", text=fault.sentence, advice="每次查看都有记录；明天零点重新计数。"
    )


def tell_refusals(blueprint: Blueprint) -> None:
    """Have a blueprint answer what can't be seen or done with a page that says why."""
    blueprint.register_error_handler(NoSuchCase, _no_such_case)
    # Of an act: whether there is such a case elsewhere is not told. The page of a case asks for the reason instead.
    blueprint.register_error_handler(ReasonWanted, _no_such_case)
    blueprint.register_error_handler(OwnMatter, _own_matter)
    blueprint.register_error_handler(KeyReused, _key_reused)
    blueprint.register_error_handler(EnoughForToday, _enough_for_today)
