"""Looking at a draft page by page, saving a group, sending the whole, and throwing it away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import abort, flash, redirect, request
from flask.typing import ResponseReturnValue

from citizen_services.cases import drafts, papers
from citizen_services.cases.errors import InvalidInput, MovedOn
from citizen_services.cases.once import do_once, note
from citizen_services.cases.queries import newest_answers
from citizen_services.catalogue.vocabulary import Group, ServiceItem
from citizen_services.database.base import rollback
from citizen_services.database.idempotency import KeyReused, Once
from citizen_services.filling import fields
from citizen_services.filling.pages import CHECK, PAPERS, Filled, check_page, group_page, papers_page
from citizen_services.filling.posted import Posted
from citizen_services.filling.saving import store
from citizen_services.filling.sending import asked_again, hindrances, refuse_unmet, send
from citizen_services.materials.queries import of_draft

_MOVED = "这份申请刚刚在别的页面保存过。您在这里填的内容还没有保存，请核对后再按一次“保存并继续”。"
_CHANGED = "这份申请刚刚在别的页面改过，还没有提交。下面是最新内容，请再核对一遍后提交。"
_SAYS_OTHERWISE = "您核对之后，登记信息有了变化。下面是最新的，请重新核对，然后再提交。"
_REUSED = "这个页面之前已经保存过一次。您这次填的内容还没有保存，请核对后再按一次“保存并继续”。"


def _ended(filled: Filled) -> ResponseReturnValue:
    """A draft that is no more: sent (lead to its case) or thrown away."""
    if filled.draft.case_id is not None:
        return redirect(filled.place.case(str(filled.draft.case_id)), 303)
    flash("这份草稿已经删除。", "info")
    return redirect(filled.guide, 303)


# --- Looking ------------------------------------------------------------------------------------------------------


def show(filled: Filled) -> ResponseReturnValue:
    """The page of ``?step=``; without one the first group that is not done, or the check page."""
    if filled.draft.ended_at is not None:
        return _ended(filled)
    filled.from_check = request.args.get("from") == CHECK
    filled.words = request.args.get("q", "").strip()
    step = request.args.get("step", "")
    if not step:
        # What was typed and not saved comes first: its person wants to find it again.
        group = drafts.unsaved_group(filled.item, filled.draft) or drafts.next_group(filled.item, filled.draft)
        step = group.code if group else _after_groups(filled)
    if step == CHECK:
        return check_page(filled)
    if step == PAPERS and filled.wanted:
        return papers_page(filled)
    group = next((group for group in filled.groups if group.code == step), None)
    if group is None:
        # Another answer has hidden this question meanwhile, or there never was one of that name.
        return redirect(filled.url(), 303) if _declared(filled.item, step) else abort(404)
    return group_page(filled, group)


def _declared(item: ServiceItem, code: str) -> bool:
    return code == PAPERS or any(group.code == code for group in item.groups)


def _after_groups(filled: Filled) -> str:
    """What follows when every group is filled in: the papers that are still missing, else the check page."""
    return PAPERS if papers.missing(filled.wanted, of_draft(filled.draft.id)) else CHECK


# --- Changing -----------------------------------------------------------------------------------------------------


def change(filled: Filled) -> ResponseReturnValue:
    """``save`` a group, ``submit`` the whole, or ``discard`` it; the form says which."""
    posted = Posted.read()
    filled.from_check = posted.from_check
    action = posted.action or ("submit" if "commitment" in posted.form else "save")
    acts = {"save": _save, "submit": _submit, "discard": _discard}
    if action not in acts:
        abort(400)
    return acts[action](filled, posted)


def _save(filled: Filled, posted: Posted) -> ResponseReturnValue:
    groups = _groups_of(filled, posted)
    if posted.form.get("drop"):
        return _forget_typed(filled, posted, groups)
    once = posted.once(filled.place.actor())
    try:
        answer = do_once(once, lambda once: store(filled, posted, groups, once))
    except (MovedOn, KeyReused) as fault:
        rollback()
        fresh = filled.again()
        if fresh.draft.ended_at is not None:
            return _ended(fresh)
        fresh.from_check, fresh.moved = posted.from_check, _REUSED if isinstance(fault, KeyReused) else _MOVED
        fresh.typed = fields.typed(posted.form, groups[0].schema)
        return group_page(fresh, groups[0], 409)
    fresh = filled.again()
    if fresh.draft.ended_at is not None:
        return _ended(fresh)
    if posted.form.get("later"):
        flash("已经替您保存，还没有提交。随时可以接着填。", "info")
        return redirect(filled.place.later(filled.citizen), 303)
    if posted.form.get("lookup"):
        return redirect(_search_url(fresh, posted, groups[0]), 303)
    for group in groups:
        if group.code in answer["errors"]:
            fresh.from_check, fresh.errors = posted.from_check, answer["errors"][group.code]
            fresh.typed = fields.typed(posted.form, group.schema)
            return group_page(fresh, group, 422)
    return redirect(_onward(fresh, posted), 303)


def _groups_of(filled: Filled, posted: Posted) -> list[Group]:
    """The groups that a form answers: the one it names, or each whose fields it brings."""
    if posted.group:
        if all(group.code != posted.group for group in filled.item.groups):
            abort(404)
        return [filled.item.group(posted.group)]
    found = [group for group in filled.item.groups if any(name in posted.form for name in group.schema.fields)]
    return found or abort(400)


def _forget_typed(filled: Filled, posted: Posted, groups: Sequence[Group]) -> ResponseReturnValue:
    """Go back to what is saved of a group: what was only typed is dropped."""

    def forget(once: Once) -> Any:
        drafts.drop_typed(filled.draft, groups[0])
        return note(once, {"dropped": True})

    do_once(posted.once(filled.place.actor()), forget)
    more = {"from": CHECK} if posted.from_check else {}
    return redirect(filled.url(groups[0].code, **more), 303)


def _search_url(filled: Filled, posted: Posted, group: Group) -> str:
    more = {"from": CHECK} if posted.from_check else {}
    return filled.url(group.code, q=posted.form.get("q", "").strip()[:100], **more)


def _onward(filled: Filled, posted: Posted) -> str:
    """The next page: back to the check page, unless the change opened a question that isn't answered yet."""
    group = drafts.next_group(filled.item, filled.draft)
    if group is None:
        return filled.url(_after_groups(filled))
    return filled.url(group.code, **({"from": CHECK} if posted.from_check else {}))


def _submit(filled: Filled, posted: Posted) -> ResponseReturnValue:
    actor = filled.place.actor()
    once = posted.once(actor)
    # Sending ends the draft: of one that is open nothing was sent yet, and a key used for something else is found when
    # it is written.
    done = once.answer() if filled.draft.ended_at is not None else None
    if done is None:
        # Before anything looks at what the draft rests on, which is among them as a rule.
        newest = newest_answers(filled.citizen.id, list(filled.draft.answers))
        wrong = _not_ready(filled, posted)
        if wrong is not None:
            return wrong
        anew = asked_again(filled, newest)
        if anew is not None:
            refuse_unmet(filled)
            filled.errors = {next(iter(anew.schema.fields)): [_SAYS_OTHERWISE]}
            filled.from_check = True
            return group_page(filled, anew, 422)
        try:
            done = do_once(once, lambda once: send(filled, once, last=True), asked=True)
        except MovedOn:
            fresh = filled.again()
            if fresh.draft.ended_at is not None:
                return _ended(fresh)
            fresh.moved = _CHANGED
            return check_page(fresh, 409)
        except InvalidInput as fault:
            rollback()
            fresh = filled.again()
            fresh.errors = {code: [str(one) for one in sentences] for code, sentences in fault.errors.items()}
            return papers_page(fresh, 422)
    return redirect(filled.place.sent(done["case_id"]), 303)


def _not_ready(filled: Filled, posted: Posted) -> ResponseReturnValue | None:
    """The page that says why it can't be sent yet; None where it can."""
    ticked = [name for name, _ in filled.place.boxes if posted.form.get(name) == "yes"]
    first = next(hindrances(filled, posted.version, ticked), None)
    if first is None:
        return None
    if first.what == "ended":
        return _ended(filled)
    if first.what == "moved":
        filled.moved = _CHANGED
        return check_page(filled, 409)
    filled.errors = first.errors
    if first.what == "unticked":
        return check_page(filled, 422)
    filled.from_check = True
    if first.group is None:
        return papers_page(filled, 422)
    return group_page(filled, first.group, 422 if first.errors else 409)


def _discard(filled: Filled, posted: Posted) -> ResponseReturnValue:
    def discard(once: Once) -> Any:
        if posted.version is not None and posted.version != filled.draft.version:
            raise MovedOn("您在别的页面保存过这份草稿，所以没有删除")
        drafts.discard(filled.draft)
        return note(once, {"discarded": True})

    do_once(posted.once(filled.place.actor()), discard)
    flash("草稿已经删除。需要时可以重新申请。", "info")
    return redirect(filled.guide, 303)
