"""What people were not content with (差评整改): called back, put right by a date, for the office that is rated."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from citizen_services import clock
from citizen_services.cases import contests, ratings
from citizen_services.cases.contests import Contested
from citizen_services.cases.errors import GuardFailed, MovedOn, NoSuchCase, NotAllowed
from citizen_services.cases.models import Rectification
from citizen_services.cases.once import do_once
from citizen_services.cases.ratings import Task
from citizen_services.console import render
from citizen_services.console.access import tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.list_views import RATING_ROLES
from citizen_services.console.listed import case_url
from citizen_services.console.schemas import FormSchema, WordsField, once_of, read_form
from citizen_services.database import Change
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import Once
from citizen_services.pages import render_error
from citizen_services.people.actors import Actor
from citizen_services.people.queries import office as office_of
from citizen_services.people.queries import staff_names
from citizen_services.rules.dates import last_day
from citizen_services.security import new_token

#: What became of a contest.
CONTESTS = {"open": "等复核", "upheld": "申诉成立，不计入评价", "rejected": "申诉不成立，继续整改"}

bp = Blueprint("console_ratings", __name__, url_prefix="/console/ratings")
tell_refusals(bp)


class CallSchema(FormSchema):
    """What the person said when they were called back."""

    note = WordsField("请写明回访情况，4 至 300 个字：什么时候打的、申请人怎么说。", least=4, most=300)


class MeasuresSchema(FormSchema):
    """What was put right."""

    measures = WordsField("请写明整改情况，4 至 300 个字。", least=4, most=300)


class ContestSchema(FormSchema):
    """Why a rating is held to be mistaken or malicious."""

    reason = WordsField("请写明申诉理由，10 至 300 个字：为什么是误评或恶意评价，有什么可以查证。", least=10, most=300)


class DecisionSchema(FormSchema):
    """Whether a contest is right, and why."""

    upheld = fields.String(
        required=True,
        validate=validate.OneOf(("yes", "no"), error="请选择复核结果。"),
        error_messages={"required": "请选择复核结果。"},
    )
    decision = WordsField("请写明复核意见，4 至 300 个字。", least=4, most=300)


_CALL, _MEASURES, _CONTEST, _DECISION = CallSchema(), MeasuresSchema(), ContestSchema(), DecisionSchema()


@bp.get("")
@staff_required(*RATING_ROLES)
def page() -> ResponseReturnValue:
    """What the office has to put right, the nearest date on top, and what it did."""
    return _page()


def _page(task_id: UUID | None = None, errors: dict[str, Any] | None = None, status: int = 200) -> ResponseReturnValue:
    actor = current_actor()
    office = actor.office or ""
    open_, done = ratings.open_tasks(office), ratings.done_tasks(office)
    staff = staff_names({who for task in (*open_, *done) for who in _acted(task.rectification)})

    def row(task: Task) -> dict[str, Any]:
        one = task.rectification
        typed = request.form if one.id == task_id else {}
        day = last_day(one.due)
        return {
            "id": one.id,
            "case": task.case,
            "href": case_url(task.case.id, actor, "ratings"),
            "item": render.item_of(task.case).name,
            "grade": ratings.GRADES[task.rating.grade],
            "words": task.rating.words or "",
            "at": task.rating.at,
            "due": day,
            "late": one.due <= clock.now(),
            "provisional": one.due_provisional,
            "called": one.called_at,
            "called_by": staff.get(one.called_by, "") if one.called_by else "",
            "call_note": one.call_note or "",
            "done": one.done_at,
            "done_by": staff.get(one.done_by, "") if one.done_by else "",
            "measures": one.measures or "",
            "typed": typed,
            "errors": (errors or {}) if one.id == task_id else {},
        }

    page = render_template(
        "console/ratings.html",
        open=[row(task) for task in open_],
        done=[row(task) for task in done],
        most=ratings.PAGE,
        contested=[_contest(one) for one in contests.of_office(office)],
        to_decide=[_contest(one) for one in contests.to_decide(actor)],
        deciding=task_id,
        typed=request.form,
        wrong=errors or {},
        errors={f"{name}-{task_id}": found for name, found in (errors or {}).items()},
        form_token=lambda: new_token(12),
    )
    return page, status


def _contest(one: Contested) -> dict[str, Any]:
    """A contest as both sides see it: nothing in it says who rated."""
    return {
        "id": one.contest.id,
        "number": one.case.number,
        "item": render.item_of(one.case).name,
        "office": office_of(one.contest.office_code).name,
        "grade": ratings.GRADES[one.rating.grade],
        "words": one.rating.words or "没有写意见。",
        "reason": one.contest.reason,
        "asked": one.contest.asked_at,
        "state": CONTESTS[one.contest.state],
        "decision": one.contest.decision or "",
    }


def _acted(one: Rectification) -> list[UUID]:
    return [who for who in (one.called_by, one.done_by) if who is not None]


@bp.post("/<uuid:task_id>/call")
@staff_required(*RATING_ROLES)
def call(task_id: UUID) -> ResponseReturnValue:
    """Note that the person was called back."""
    actor, one = _task(task_id)
    try:
        given = read_form(_CALL)
    except ValidationError as fault:
        return _page(task_id, fault.normalized_messages(), 422)

    def note(once: Once) -> Any:
        change = Change(clock.now())
        ratings.note_call(change, one, actor, given["note"])
        once.remember(change, "called")
        change.write()
        return "called"

    return _done(lambda: do_once(once_of(actor, given["form_token"]), note), task_id, "note", "已登记回访。")


@bp.post("/<uuid:task_id>/close")
@staff_required(*RATING_ROLES)
def close(task_id: UUID) -> ResponseReturnValue:
    """Note what was put right: the task is done."""
    actor, one = _task(task_id)
    try:
        given = read_form(_MEASURES)
    except ValidationError as fault:
        return _page(task_id, fault.normalized_messages(), 422)

    def note(once: Once) -> Any:
        change = Change(clock.now())
        ratings.close(change, one, actor, given["measures"])
        once.remember(change, "done")
        change.write()
        return "done"

    return _done(lambda: do_once(once_of(actor, given["form_token"]), note), task_id, "measures", "整改已登记完成。")


@bp.post("/<uuid:task_id>/contest")
@staff_required(*RATING_ROLES)
def contest(task_id: UUID) -> ResponseReturnValue:
    """Contest the rating, once."""
    actor, one = _task(task_id)
    try:
        given = read_form(_CONTEST)
    except ValidationError as fault:
        return _page(task_id, fault.normalized_messages(), 422)

    def note(once: Once) -> Any:
        change, rating = Change(clock.now()), ratings.rating_of(one.case_id)
        if rating is None:
            abort(404)
        contests.contest(change, one, rating, actor, given["reason"])
        once.remember(change, "contested")
        change.write()
        return "contested"

    told = "已提出申诉，复核期间不计整改期限。"
    return _done(lambda: do_once(once_of(actor, given["form_token"]), note), task_id, "reason", told)


@bp.post("/contests/<uuid:contest_id>/decide")
@staff_required(contests.ROLE)
def decide(contest_id: UUID) -> ResponseReturnValue:
    """Decide on the contest of another office."""
    actor = current_actor()
    try:
        given = read_form(_DECISION)
    except ValidationError as fault:
        return _page(contest_id, fault.normalized_messages(), 422)

    def note(once: Once) -> Any:
        change = Change(clock.now())
        contests.decide(change, contest_id, actor, upheld=given["upheld"] == "yes", decision=given["decision"])
        once.remember(change, "decided")
        change.write()
        return "decided"

    try:
        return _done(lambda: do_once(once_of(actor, given["form_token"]), note), contest_id, "decision", "复核已登记。")
    except NotAllowed as fault:
        return render_error(403, text=fault.sentence, back=url_for("console_ratings.page"))
    except NoSuchCase:
        abort(404)


def _task(task_id: UUID) -> tuple[Actor, Rectification]:
    actor = current_actor()
    one = ratings.task(actor.office or "", task_id)
    if one is None:
        abort(404)
    return actor, one


def _done(act: Any, task_id: UUID, field: str, words: str) -> ResponseReturnValue:
    try:
        act()
    except (GuardFailed, MovedOn) as fault:
        rollback()
        return _page(task_id, {field: [fault.sentence]}, 409)
    flash(words, "ok")
    return redirect(url_for("console_ratings.page"), 303)
