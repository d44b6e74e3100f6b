"""Following a case: the list, the page with voucher and timeline, its documents, and the person's own acts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from citizen_services.cases import corrections, deadlines, documents, fee_cards, operations, papers
from citizen_services.cases.errors import InvalidInput, MovedOn, NotPossible
from citizen_services.cases.models import Case, Correction
from citizen_services.cases.once import do_once
from citizen_services.cases.queries import cases_of, document, documents_of, events_of, steps_for
from citizen_services.cases.standing import cases_by
from citizen_services.catalogue import forms
from citizen_services.catalogue.vocabulary import Group, ServiceItem, Step
from citizen_services.database import commit, db
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import KeyReused, Once
from citizen_services.filling import fields, registers
from citizen_services.filling.photos import PhotoUrl, cards, earlier_of, handed_in
from citizen_services.filling.posted import Posted
from citizen_services.materials.queries import of_case, of_draft
from citizen_services.parts import parts
from citizen_services.people import looks
from citizen_services.people.models import Office
from citizen_services.people.queries import office, offices, service_centre
from citizen_services.portal import home_views, timeline
from citizen_services.portal.acting import acted_case, actor_on, standing_on
from citizen_services.portal.correction_pages import (
    ANSWER,
    errors_of,
    given_of,
    panel,
    typed_of,
    until_words,
)
from citizen_services.portal.endings import ending
from citizen_services.portal.guards import (
    citizen_required,
    current_citizen,
    the_citizen,
)
from citizen_services.portal.home_views import case_card, draft_cards, open_cards, tell_refusals
from citizen_services.portal.keeping import MARK, keep_answer, led_to_login, mark_of
from citizen_services.portal.rating_views import rating_card
from citizen_services.portal.to_counter import to_counter
from citizen_services.rules.dates import chinese_moment, local_date
from citizen_services.security import new_token
from citizen_services.words import role_word

bp = Blueprint("portal_cases", __name__, url_prefix="/h5/cases")
tell_refusals(bp)

_OVER = "您这次填的补正没有收下：这个办件已经不在等您补正。下面是它现在的情况。"
_ASKED_ANEW = "您这次填的还没有提交：办件刚刚有了变化。下面是现在要补正的内容，请核对后再按一次“提交补正”。"
_ONLY_WHERE_WANTED = "按您改后的选择，需要这份材料时请上传；不需要的不用传。"


@bp.get("")
@citizen_required
def mine() -> ResponseReturnValue:
    """我的办件: what is not sent yet, what is under way, what is done."""
    citizen = the_citizen()
    cases = cases_of(citizen.id)
    return render_template(
        "h5/cases.html",
        drafts=draft_cards(citizen),
        open=open_cards(cases),
        ended=[case_card(case) for case in cases if case.ended_at is not None],
        households=home_views.household_cards(citizen),
        back="/h5/",
        live=True,
    )


@bp.get("/<uuid:case_id>")
@citizen_required
def show(case_id: UUID) -> ResponseReturnValue:
    """One case; ``?sent=1`` right after sending it."""
    return case_page(acted_case(case_id), sent=request.args.get("sent") == "1")


def case_page(
    case: Case,
    status: int = 200,
    *,
    sent: bool = False,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, Sequence[str]] | None = None,
    moved: str = "",
) -> ResponseReturnValue:
    """The page of a case; ``typed`` and ``errors`` are of an answer to a correction, or of a step.

    That was not taken.
    """
    by = standing_on(case)
    item = parts().catalogue.item(case.item, case.item_version)
    events, issued = events_of(case.id), documents_of(case.id)
    address = registers.kept({k: v for k, v in case.answers.items() if k == registers.ADDRESS.key})
    standard = address[registers.ADDRESS.key]["content"] if address else None
    asked = corrections.open_correction(case.id)
    turn = {"when": f"最晚 {until_words(asked)}", "action": {"href": "#correct", "label": "去补正"}} if asked else None
    acts = [
        # A correction is answered by the form that names what is wrong.
        _act(item, step, case, typed or {}, errors or {})
        for step in steps_for(item, case, by.actor)
        if step.action != ANSWER
    ]
    chosen = next((act["chosen"] for act in acts if act["chosen"]), "")
    if chosen:
        turn = {"text": f"您选了：{chosen}。有进展会告诉您。"}
    others = cases_by(by) if case.ended_at is not None else ()
    running = next((c for c in others if c.item == case.item and c.ended_at is None), None)
    page = render_template(
        "h5/case.html",
        item=item,
        case=case,
        case_data={
            "id": case.id,
            "number": case.number,
            "state": case.state,
            "version": case.version,
            "visits": case.visits,
        },
        sent=sent,
        moved=moved,
        errors=errors or {},
        office=_who_works_on(item, case),
        state=item.state(case.state),
        to_counter=to_counter(case),
        clocks=deadlines.clocks_of(item, case),
        steps=timeline.timeline_of(item, case, events, turn),
        next=timeline.next_lines(item, case),
        correct=panel(
            item,
            case,
            asked,
            events,
            lambda id_: _image_url(case, id_),
            typed=typed,
            errors=errors,
            words=request.args.get("q", "").strip(),
        )
        if asked
        else None,
        photos=_cards(case, asked, errors or {}) if asked else [],
        handed_in=handed_in(item, of_case(case.id), _photo_url(case)),
        photo_token=lambda: new_token(16),
        correct_token=new_token(16),
        mark=(MARK, mark_of(case.id, the_citizen().id)),
        autosave=url_for("portal_autosave.answer", case_id=case.id),
        ending=ending(item, case, events, issued, running=running),
        fees=fee_cards.fee_cards(case.id) if item.fee else [],
        tracking=case.results.get("tracking"),
        cards=_register_rows(item, case),
        answers=[
            {
                "title": group.title,
                "rows": _answered(item, case, group, standard),
            }
            for group in item.active_groups(case.data)
        ],
        documents=issued,
        acts=acts,
        chosen=chosen,
        # What concerns the person, and not the application, is the person's alone.
        looks=_looks(case.citizen_id, case.id) if by.kind != "agent" else [],
        rating=rating_card(case) if by.kind == "self" else None,
        back="/h5/cases" if by.kind == "self" else url_for("portal_for.person", principal_id=case.citizen_id),
        live=True,
    )
    return page, status


def _answered(item: ServiceItem, case: Case, group: Group, address: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """What was filled in on a page of the form; no confirmation of what no register told."""
    rows = fields.answer_rows(group, case.data.get(group.code, {}), masked=True, address=address)
    material = registers.material_of(item, group.confirms)
    if material is None or registers.card(material, registers.kept(case.answers), lambda _: "")["found"]:
        return rows
    return [row for row in rows if not row["confirms"]]


def _who_works_on(item: ServiceItem, case: Case) -> Office:
    """The office on whose desk the case lies now: whom the person would call."""
    at_centre = item.state(case.state).desk == "service_centre"
    return service_centre(case.district) if at_centre else office(case.office_code)


def _photo_url(case: Case) -> PhotoUrl:
    return lambda id_, **more: url_for("portal_uploads.case_photo", case_id=case.id, upload_id=id_, **more)


def _cards(case: Case, asked: Correction, errors: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The materials that a correction names, and that its answer may want, with the photos brought so far."""
    item = parts().catalogue.item(case.item, case.item_version)
    wanted = corrections.papers_of(item, asked)
    why = {m.code: _ONLY_WHERE_WANTED for m in wanted} | {i["code"]: i["why"] for i in asked.items}
    shown = cards(
        wanted,
        of_draft(asked.id),
        url=lambda code: url_for("portal_uploads.of_case", case_id=case.id, at=code),
        photo_url=_photo_url(case),
        errors=errors,
        reasons=why,
        earlier=earlier_of(case.citizen_id, asked.id, wanted) if standing_on(case).kind != "agent" else {},
        correcting=True,
    )
    place = office(case.office_code)
    before = Counter(piece.code for piece in of_case(case.id))
    for card in shown:
        if before[card["code"]]:
            card["hint"] = (
                f"请把这份材料的每一页都传上来：这次传的会代替上次交的 {before[card['code']]} 张。"
                "上次拍得清楚的不用重拍，在下面“用以前上传过的”里选用就行。"
            )
        elif not card["files"] and card["reason"] != _ONLY_WHERE_WANTED:
            card["hint"] = (
                f"这份材料还没有收到。拍照上传就行；不会用手机上传的，也可以把原件带到{place.name}（{place.address}），"
                f"来之前请打电话 {place.phone}。"
            )
    return shown


def _act(
    item: ServiceItem, step: Step, case: Case, typed: Mapping[str, str], errors: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """A step that is the person's own, with its inputs; what the application says already stands in them.

    ``ends`` where it ends the case without its result; ``chosen`` is what they said before where it may be said anew.
    """
    known = {name: value for answers in case.data.values() for name, value in answers.items()}
    return {
        "action": step.action,
        "label": step.label,
        "danger": step.danger,
        "ends": step.danger and item.state(step.end).final,
        "chosen": _said(step, case),
        "form_token": new_token(16),
        "fields": fields.step_fields(step.input, known | dict(typed), errors) if step.input is not None else [],
    }


def _said(step: Step, case: Case) -> str:
    """The words of what the person decided by this step before, empty where they have not yet."""
    if step.input is None:
        return ""
    decided = [name for name, field in step.input.fields.items() if field.required]
    return "、".join(str(case.results[name]) for name in decided if case.results.get(name))


def _looks(citizen_id: UUID, case_id: UUID) -> list[dict[str, Any]]:
    """Who looked at the case: office, role, time and reason, never the officer's name."""
    known = offices()
    return [
        {
            "label": f"{known[look.office_code].name} · {role_word(look.role)}",
            "value": "办理这个办件" if look.reason == looks.HANDLING else look.reason,
            "note": chinese_moment(look.at),
        }
        for look in looks.looks_at(citizen_id, case_id)
    ]


def _register_rows(item: ServiceItem, case: Case) -> list[dict[str, Any]]:
    """What registers supplied instead of papers, one line a material."""
    answers = registers.kept(case.answers)
    day = local_date(case.submitted_at)
    brought = {m.unless_confirmed: m for m in papers.wanted(item, case.data, answers, day)}
    rows = []
    for material in item.active_materials(case.data):
        if not material.suppliers:
            continue
        supplier, answer = registers.answer_for(material, answers)
        name = registers.source_name(supplier.source)
        if material.code in brought:
            proof = brought[material.code].name
            rows.append({"label": material.name, "value": f"以您上传的{proof}为准", "source": name})
            continue
        if answer is None or answer["outcome"] == "unavailable":
            rows.append({"label": material.name, "value": "免提交，由民警核实", "source": f"{name}当时没有连上"})
            continue
        found = answer["outcome"] == "found"
        value = "免提交，已查到" if found else "免提交，没有查到，由民警核实"
        if not found and not material.shown_as:
            value = "免提交，没有其他记录"
        row = {"label": material.name, "value": value, "source": name, "at": answer["at"]}
        if found:
            lines = registers.rows_of(material, answer, lambda id_: _image_url(case, id_))
            picture = next((line["image"] for line in lines if line.get("image")), None)
            row |= {"image": picture, "lines": [line for line in lines if "value" in line]}
        rows.append(row)
    return rows


def _image_url(case: Case, answer_id: str) -> str:
    return url_for("portal_cases.picture", case_id=case.id, answer_id=answer_id)


@bp.get("/<uuid:case_id>/answers/<uuid:answer_id>.jpg")
@citizen_required
def picture(case_id: UUID, answer_id: UUID) -> ResponseReturnValue:
    """The portrait that a case rests on."""
    case = acted_case(case_id)
    if str(answer_id) not in case.answers.values():
        abort(404)
    return registers.image(registers.own_answer(case.citizen_id, answer_id))


@bp.get("/<uuid:case_id>/documents/<uuid:document_id>")
@citizen_required
def paper(case_id: UUID, document_id: UUID) -> ResponseReturnValue:
    """A document as a page: WeChat opens downloads oddly, pages can be kept and printed."""
    case = acted_case(case_id)
    found = document(case.id, document_id)
    return render_template(
        "h5/document.html",
        document=found,
        check=documents.in_fours(documents.check_code(found)),
        full=documents.in_fours(found.sha256.hex()),
        case=case,
        issued_by=office(found.issued_by),
        back=url_for("portal_cases.show", case_id=case.id),
    )


@bp.post("/<uuid:case_id>")
def act(case_id: UUID) -> ResponseReturnValue:
    """Take one of the steps that are the person's own, on the version that they saw."""
    if current_citizen() is None:
        return led_to_login(url_for("portal_cases.show", case_id=case_id), keep_answer(case_id))
    posted = Posted.read()
    if posted.version is None:
        abort(400)
    case = acted_case(case_id)
    if posted.action == ANSWER:
        return _answer(case, posted)
    item = parts().catalogue.item(case.item, case.item_version)
    step = item.step(case.state, posted.action)
    given = forms.form_data(posted.form, step.input) if step is not None and step.input is not None else {}
    try:
        answer = _perform(case, posted, given)
    except InvalidInput as fault:
        rollback()
        typed = fields.typed(posted.form, step.input) if step is not None and step.input is not None else {}
        return case_page(acted_case(case_id), 422, typed=typed, errors=errors_of(fault.errors))
    stays = step is not None and step.start == step.end
    flash(f"已办好：{step.public if step and stays else item.state(answer['state']).word}。", "ok")
    return redirect(url_for("portal_cases.show", case_id=case_id), 303)


def _perform(case: Case, posted: Posted, given: Mapping[str, Any]) -> Any:
    """Have the engine take the step once; its answer."""
    actor = actor_on(case)

    def perform(once: Once) -> Any:
        done = operations.perform(parts().catalogue, case.id, posted.action, actor, posted.version, given, once=once)
        return {"case_id": str(done.case_id), "state": done.state}

    try:
        return do_once(posted.once(actor), perform)
    except MovedOn as fault:
        # The engine's words name the officer who was faster; citizens are told offices, not names.
        raise MovedOn from fault


def _answer(case: Case, posted: Posted) -> ResponseReturnValue:
    """Answer a correction; what can't be taken comes back on the page with what was typed."""
    item = parts().catalogue.item(case.item, case.item_version)
    case_id, asked = case.id, corrections.open_correction(case.id)
    if asked is not None and posted.form.get("lookup"):
        corrections.keep_typed(asked, typed_of(item, case, asked, posted.form))
        commit()
        words = posted.form.get("q", "").strip()[:100]
        return redirect(url_for("portal_cases.show", case_id=case_id, q=words, _anchor="correct"), 303)
    try:
        given = given_of(item, case, asked, posted.form) if asked is not None else {}
        answer = _perform(case, posted, given)
    except InvalidInput as fault:
        rollback()
        fresh, asked = acted_case(case_id), corrections.open_correction(case_id)
        typed = typed_of(item, fresh, asked, posted.form) if asked is not None else None
        return case_page(fresh, 422, typed=typed, errors=errors_of(fault.errors))
    except (MovedOn, NotPossible, KeyReused):
        rollback()
        db.session.expire_all()
        fresh, asked = acted_case(case_id), corrections.open_correction(case_id)
        if asked is None:
            return case_page(fresh, 409, moved=_OVER)
        return case_page(fresh, 409, typed=typed_of(item, fresh, asked, posted.form), moved=_ASKED_ANEW)
    flash(
        f"补正已经收到，不用您再做什么。现在是“{item.state(answer['state']).word}”，下面写着谁在办、最晚哪天答复。",
        "ok",
    )
    return redirect(url_for("portal_cases.show", case_id=case_id), 303)
