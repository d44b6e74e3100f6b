"""Administration (管理): offices, staff and roles, keys and calendars, and the record of every change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate
from sqlalchemy.exc import IntegrityError

from citizen_services.cases import years
from citizen_services.cases.clocks import calendar
from citizen_services.cases.once import do_once, note
from citizen_services.console.access import tell_refusals
from citizen_services.console.guards import current_actor, staff_required
from citizen_services.console.schemas import FormSchema, WordsField, once_of, read_form
from citizen_services.database import commit
from citizen_services.database.base import rollback
from citizen_services.people import administration, administration_record, passwords, second_factor
from citizen_services.people.administration import CannotAdminister
from citizen_services.people.api_keys import SCOPES
from citizen_services.people.errors import PeopleError
from citizen_services.people.queries import offices, staff_names
from citizen_services.rules.errors import RuleError
from citizen_services.security import new_token
from citizen_services.windows.publishing import contradicted, tell_closed
from citizen_services.words import ROLES, STANDINGS, role_word

bp = Blueprint("console_admin", __name__, url_prefix="/console/admin")
tell_refusals(bp)

SYSTEM, SECURITY, AUDIT = "system_admin", "security_admin", "audit_admin"
#: Two did the same at the same moment: the constraint let one of them be.
FASTER = "同事刚刚做了同样的操作，请刷新页面查看。"


def _text(least: int, most: int, label: str, *, required: bool = True) -> fields.Field[Any]:
    if not required:
        return fields.String(load_default="", validate=validate.Length(max=most))
    return WordsField(f"请填写{label}，{least} 至 {most} 个字。", least=least, most=most)


class OfficeSchema(FormSchema):
    """An office as citizens know it."""

    code = fields.String(required=True, validate=validate.Regexp(r"^[0-9]{12}\Z", error="请填写12位数字的单位编码。"))
    name = _text(2, 40, "名称")
    kind = fields.String(required=True, validate=validate.OneOf(list(administration.KINDS), error="请选择类别。"))
    address = _text(4, 100, "地址")
    phone = fields.String(
        required=True, validate=validate.Regexp(r"^[0-9][0-9-]{6,19}\Z", error="请填写电话：区号、短横、号码。")
    )
    serves = _text(0, 200, "服务范围", required=False)


class MoveSchema(FormSchema):
    """Where somebody works, as what."""

    standing = fields.String(load_default="", validate=validate.Length(max=20))
    office = fields.String(load_default="", validate=validate.Length(max=20))
    under = fields.String(load_default="", validate=validate.Length(max=60))


class StaffSchema(MoveSchema):
    """Somebody new."""

    login = fields.String(
        required=True,
        validate=validate.Regexp(
            r"^[a-z][a-z0-9.-]{2,39}\Z", error="登录名用小写字母、数字、点和短横，3 至 40 个字符。"
        ),
    )
    name = _text(2, 40, "姓名")
    id_number = fields.String(load_default="", validate=validate.Length(max=40))


class RoleSchema(FormSchema):
    """A role to be granted or taken away."""

    role = fields.String(load_default="", validate=validate.Length(max=40))
    grant = fields.String(load_default="yes", validate=validate.OneOf(["yes", "no"]))


class ResetSchema(FormSchema):
    """What of somebody's login is to be reset."""

    what = fields.String(load_default="", validate=validate.Length(max=40))


class KeySchema(FormSchema):
    """A key of the machine door."""

    name = _text(2, 60, "用途")
    login = fields.String(load_default="", validate=validate.Length(max=60))
    scope = fields.String(load_default="", validate=validate.OneOf(["", *SCOPES]))
    days = fields.Integer(load_default=366)
    per_minute = fields.Integer(load_default=120)


class CalendarSchema(FormSchema):
    """A year's holidays, as the file of `app.py calendar load`."""

    document = fields.String(
        required=True, validate=validate.Length(min=2, max=50_000, error="请粘贴节假日文件的内容。")
    )


_OFFICE, _MOVE, _STAFF, _ROLE, _RESET, _KEY, _CALENDAR, _PLAIN = (
    OfficeSchema(), MoveSchema(), StaffSchema(), RoleSchema(), ResetSchema(), KeySchema(), CalendarSchema(),
    FormSchema(),
)  # fmt: skip


@bp.get("")
@staff_required(SYSTEM, SECURITY)
def page() -> ResponseReturnValue:
    """Everything that is administered, and what waits for a second pair of eyes."""
    return _page()


def _page(errors: Mapping[str, Any] | None = None, failed: str = "", shown: Mapping[str, str] | None = None) -> str:
    actor = current_actor()
    people = administration.people()
    requests, keys = administration.open_requests(), administration.keys()
    names = {one.id: one for one in people}
    granted = administration.granted()
    return render_template(
        "console/admin.html",
        system=SYSTEM in actor.roles,
        security=SECURITY in actor.roles,
        offices=sorted(offices().values(), key=lambda one: one.code),
        kinds=[(code, word, "") for code, word in administration.KINDS.items()],
        people=[
            {
                "one": one,
                "office": offices()[one.office_code].name,
                "roles": "、".join(role_word(role) for role in granted.get(one.id, ())),
            }
            for one in people
            if one.active
        ],
        gone=sum(1 for one in people if not one.active),
        requests=[
            {
                "id": wish.id,
                "who": names[wish.staff_id],
                "role": role_word(wish.role),
                "grant": wish.grant,
                "by": names[wish.asked_by].name,
                "at": wish.asked_at,
                "own": actor.id in (wish.asked_by, wish.staff_id),
            }
            for wish in requests
        ],
        resets=[
            {
                "id": wish.id,
                "who": names[wish.staff_id],
                "what": passwords.WHAT[wish.what],
                "by": names[wish.asked_by].name,
                "at": wish.asked_at,
                "own": actor.id in (wish.asked_by, wish.staff_id),
            }
            for wish in passwords.open_requests()
        ],
        keys=[{"key": key, "who": names[key.staff_id].login, "by": names[key.asked_by].name} for key in keys],
        scopes=[(code, word, "") for code, word in SCOPES.items()],
        standings=[(code, word, "") for code, word in STANDINGS.items()],
        office_choices=[(one.code, one.name, "") for one in sorted(offices().values(), key=lambda one: one.code)],
        years=sorted(calendar().years),
        typed=request.form if errors else {},
        failed=failed,
        errors=errors,
        shown=shown,
        form_token=lambda: new_token(12),
    )


@bp.get("/staff/<uuid:staff_id>")
@staff_required(SYSTEM)
def person(staff_id: UUID) -> ResponseReturnValue:
    """One member of the staff: where they work, their roles."""
    return _person(staff_id)


def _person(staff_id: UUID, errors: Mapping[str, Any] | None = None) -> ResponseReturnValue:
    one = next((one for one in administration.people() if one.id == staff_id and one.active), None)
    if one is None:
        return redirect(url_for(".page"), 303)
    leader = next((other.login for other in administration.people() if other.id == one.under_id), "")
    has = administration.granted().get(one.id, [])
    return render_template(
        "console/admin_person.html",
        one=one,
        leader=leader,
        roles=[(role, role_word(role)) for role in has],
        factor=second_factor.enrolled(one.id),
        others=[(role, word, "") for role, word in ROLES.items() if role not in has and role in administration.ROLES],
        standings=[(code, word, "") for code, word in STANDINGS.items()],
        office_choices=[(place.code, place.name, "") for place in offices().values()],
        errors=errors,
        form_token=lambda: new_token(12),
    ), (422 if errors else 200)


Act = Callable[[Mapping[str, Any]], Any]


def _do(schema: FormSchema, act: Act, words: str, failed: str, again: Callable[[Any], Any]) -> ResponseReturnValue:
    """Read a form, do it once, and come back; ``again`` shows the page with what is wrong."""
    try:
        given = read_form(schema)

        def once_done(once: Any) -> Any:
            act(given)
            return note(once, "done")

        do_once(once_of(current_actor(), given["form_token"]), once_done)
    except ValidationError as fault:
        return again(fault.normalized_messages())
    except CannotAdminister as fault:
        rollback()
        return again({fault.field: [fault.sentence]})
    except (RuleError, PeopleError) as fault:
        rollback()
        return again({failed: [fault.sentence]})
    except IntegrityError:
        rollback()
        return again({failed: [FASTER]})
    flash(words, "ok")
    return redirect(url_for(".page"), 303)


def _again(form: str) -> Callable[[Any], Any]:
    return lambda errors: (_page(errors, form), 422)


@bp.post("/offices")
@staff_required(SYSTEM)
def office() -> ResponseReturnValue:
    """Add an office, or change the one of that code."""
    actor = current_actor()
    return _do(
        _OFFICE, lambda given: administration.save_office(actor, given), "单位已保存。", "code", _again("office")
    )


@bp.post("/staff")
@staff_required(SYSTEM)
def add() -> ResponseReturnValue:
    """Add somebody; the password is shown on this one answer and never again."""
    actor = current_actor()
    try:
        given = read_form(_STAFF)
        one, password = administration.add_staff(actor, given)
    except ValidationError as fault:
        return _page(fault.normalized_messages(), "staff"), 422
    except CannotAdminister as fault:
        rollback()
        return _page({fault.field: [fault.sentence]}, "staff"), 422
    except RuleError as fault:
        rollback()
        return _page({"id_number": [fault.sentence]}, "staff"), 422
    except IntegrityError:
        rollback()
        return _page({"login": [FASTER]}, "staff"), 422
    commit()
    return _page(shown={"what": f"{one.name}（{one.login}）的初始密码，首次登录须修改", "secret": password})


@bp.post("/staff/<uuid:staff_id>/move")
@staff_required(SYSTEM)
def move(staff_id: UUID) -> ResponseReturnValue:
    """Somebody works elsewhere, or as something else."""
    actor = current_actor()
    return _do(
        _MOVE,
        lambda given: administration.change_staff(actor, staff_id, given),
        "已调整，本人须重新登录。",
        "office",
        lambda errors: _person(staff_id, errors),
    )


@bp.post("/staff/<uuid:staff_id>/leave")
@staff_required(SYSTEM)
def leave(staff_id: UUID) -> ResponseReturnValue:
    """Somebody left: they are logged out at once."""
    actor = current_actor()
    return _do(
        _PLAIN,
        lambda given: administration.leave(actor, staff_id),
        "已办理离岗，登录已失效，岗位和密钥已收回。",
        "leave",
        lambda errors: _person(staff_id, errors),
    )


@bp.post("/staff/<uuid:staff_id>/roles")
@staff_required(SYSTEM)
def ask_role(staff_id: UUID) -> ResponseReturnValue:
    """Ask for a role to be granted or taken away."""
    actor = current_actor()
    return _do(
        _ROLE,
        lambda given: administration.ask_role(actor, staff_id, given["role"], grant=given["grant"] == "yes"),
        "已提交，等安全管理员决定。",
        "role",
        lambda errors: _person(staff_id, errors),
    )


@bp.post("/requests/<uuid:row_id>/approve")
@staff_required(SECURITY)
def approve_role(row_id: UUID) -> ResponseReturnValue:
    """Let a role that another one asked for be."""
    return _decide(row_id, approve=True)


@bp.post("/requests/<uuid:row_id>/reject")
@staff_required(SECURITY)
def reject_role(row_id: UUID) -> ResponseReturnValue:
    """Refuse a role that another one asked for."""
    return _decide(row_id, approve=False)


@bp.post("/staff/<uuid:staff_id>/reset")
@staff_required(SYSTEM)
def ask_reset(staff_id: UUID) -> ResponseReturnValue:
    """Ask that somebody's password be drawn anew, or their second factor be removed."""
    actor = current_actor()
    return _do(
        _RESET,
        lambda given: passwords.ask_reset(actor, staff_id, given["what"]),
        "已提交，等安全管理员决定。",
        "reset",
        lambda errors: _person(staff_id, errors),
    )


@bp.post("/resets/<uuid:row_id>/approve")
@staff_required(SECURITY)
def approve_reset(row_id: UUID) -> ResponseReturnValue:
    """Draw the password anew, which is shown on this one answer, or remove the second factor."""
    return _decide_reset(row_id, approve=True)


@bp.post("/resets/<uuid:row_id>/reject")
@staff_required(SECURITY)
def reject_reset(row_id: UUID) -> ResponseReturnValue:
    """Leave things as they are."""
    return _decide_reset(row_id, approve=False)


def _decide_reset(row_id: UUID, *, approve: bool) -> ResponseReturnValue:
    try:
        read_form(_PLAIN)
        shown = passwords.decide_reset(current_actor(), row_id, approve=approve)
    except ValidationError as fault:
        return _page(fault.normalized_messages(), "reset"), 422
    except PeopleError as fault:
        rollback()
        return _page({"reset": [fault.sentence]}, "reset"), 422
    commit()
    if shown is not None:
        one, password = shown
        return _page(shown={"what": f"{one.name}（{one.login}）的初始密码，首次登录须修改", "secret": password})
    flash("已解除，本人须重新登录。" if approve else "已记为不同意。", "ok")
    return redirect(url_for(".page"), 303)


def _decide(row_id: UUID, *, approve: bool) -> ResponseReturnValue:
    actor = current_actor()
    return _do(
        _PLAIN,
        lambda given: administration.decide_role(actor, row_id, approve=approve),
        "已批准，本人须重新登录。" if approve else "已记为不同意。",
        "request",
        _again("request"),
    )


@bp.post("/keys")
@staff_required(SYSTEM)
def ask_key() -> ResponseReturnValue:
    """Ask for a key, which is shown on this one answer and opens nothing before it is approved."""
    actor = current_actor()
    try:
        given = read_form(_KEY)
        scopes = [given["scope"]] if given["scope"] else list(SCOPES)
        token = administration.ask_key(actor, given["name"], given["login"], scopes, given["days"], given["per_minute"])
    except ValidationError as fault:
        return _page(fault.normalized_messages(), "key"), 422
    except PeopleError as fault:
        rollback()
        return _page({getattr(fault, "field", "name"): [fault.sentence]}, "key"), 422
    commit()
    return _page(shown={"what": f"“{given['name']}”的密钥，批准后可用", "secret": token})


@bp.post("/keys/<uuid:row_id>/approve")
@staff_required(SECURITY)
def approve_key(row_id: UUID) -> ResponseReturnValue:
    """Let a key that another one asked for be."""
    actor = current_actor()
    return _do(
        _PLAIN, lambda given: administration.approve_key(actor, row_id), "密钥已批准。", "key", _again("key_list")
    )


@bp.post("/keys/<uuid:row_id>/revoke")
@staff_required(SYSTEM, SECURITY)
def revoke_key(row_id: UUID) -> ResponseReturnValue:
    """End a key at once."""
    actor = current_actor()
    return _do(
        _PLAIN, lambda given: administration.revoke_key(actor, row_id), "密钥已停用。", "key", _again("key_list")
    )


@bp.post("/calendars")
@staff_required(SYSTEM)
def load_calendar() -> ResponseReturnValue:
    """Load a year's holidays; dates that waited for it are computed anew."""
    actor = current_actor()
    against: list[dict[str, str]] = []

    def act(given: Mapping[str, Any]) -> None:
        told = years.load_year(given["document"])
        against.extend(contradicted(told["year"]))
        tell_closed(actor, against)
        after = {"年份": str(told["year"]), "重算办件": str(told["recomputed"]), "冲突的开窗": str(len(against))}
        administration_record.record(actor, "calendar_loaded", str(told["year"]), {}, after)

    answer = _do(_CALENDAR, act, "节假日已导入，等它的日期已重算。", "document", _again("calendar"))
    if against:
        # By day: a year's list may be long, and each planner's week names every window.
        days = Counter((offices()[one["office"]].name, one["day"], one["why"]) for one in against)
        lines = [f"{place} {day}（{why}）{count} 段" for (place, day, why), count in days.items()]
        flash("与开窗计划冲突，请通知各单位排班人员：" + "；".join(lines), "warn")
    return answer


@bp.get("/record")
@staff_required(AUDIT, SECURITY)
def record() -> ResponseReturnValue:
    """Who changed what, from what to what, newest first; and whether the chain of it is whole."""
    after = request.args.get("after", "")
    rows = administration_record.acts(int(after) if after.isdigit() and len(after) < 18 else None)
    shown = rows[: administration_record.PAGE]
    names = staff_names({row.staff_id for row in shown if row.staff_id})
    more = len(rows) > administration_record.PAGE
    return render_template(
        "console/admin_record.html",
        rows=[
            {
                "act": row,
                "who": names.get(row.staff_id, "已离岗人员") if row.staff_id else "命令行",
                "what": administration_record.ACTS.get(row.what, row.what),
                "changes": [
                    (name, row.before.get(name, ""), row.after.get(name, "")) for name in {**row.before, **row.after}
                ],
            }
            for row in shown
        ],
        broken=administration_record.verify(),
        pager={
            "prev": url_for(".record") if after else None,
            "next": url_for(".record", after=shown[-1].id) if more else None,
            "text": "",
        },
    )
