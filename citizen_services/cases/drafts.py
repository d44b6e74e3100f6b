"""Drafts: what a person began and has not yet sent. One open draft a person and item, saved at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.cases.errors import MovedOn, NoSuchCase
from citizen_services.cases.models import Draft
from citizen_services.catalogue import forms
from citizen_services.catalogue.vocabulary import Group, ServiceItem
from citizen_services.database import db, new_id


def open_draft(citizen_id: UUID, item: str) -> Draft | None:
    """The person's open draft of an item."""
    query = select(Draft).where(Draft.citizen_id == citizen_id, Draft.item == item, Draft.ended_at.is_(None))
    return db.session.scalars(query).one_or_none()


def begin(item: ServiceItem, citizen_id: UUID, door: str, answers: Mapping[str, str]) -> Draft:
    """The person's open draft of the item, begun now where there is none.

    ``answers`` are the ids of the register answers that will be shown: ``{source.topic: id}``.
    """
    at = clock.now()
    row = {
        "id": new_id(),
        "citizen_id": citizen_id,
        "item": item.code,
        "item_version": item.version,
        "door": door,
        "data": {},
        "done": [],
        "answers": dict(answers),
        "started_at": at,
        "saved_at": at,
        "version": 1,
        "case_id": None,
        "ended_at": None,
    }
    # Two taps begin one draft: the partial unique index decides, and both read the same row.
    statement = (
        insert(Draft)
        .values(row)
        .on_conflict_do_nothing(index_elements=["citizen_id", "item"], index_where=Draft.ended_at.is_(None))
    )
    db.session.execute(statement)
    draft = open_draft(citizen_id, item.code)
    if draft is None:
        raise MovedOn
    return draft


def mine(citizen_id: UUID, draft_id: UUID) -> Draft:
    """A person's own draft; NoSuchCase for anybody else's."""
    draft = db.session.get(Draft, draft_id, populate_existing=True)
    if draft is None or draft.citizen_id != citizen_id:
        raise NoSuchCase("没有找到这份草稿，请从“我的办件”进入。")
    return draft


def save(item: ServiceItem, draft: Draft, group: Group, form: Mapping[str, str], version: int) -> dict[str, list[str]]:
    """Save what was filled in of a group; returns the sentences of the fields that need another look.

    What is valid is kept even where something else is not. Raises MovedOn where the draft was saved elsewhere
    meanwhile.
    """
    valid, errors = forms.check_group(group.schema, forms.form_data(form, group.schema))
    data = {**draft.data, group.code: valid}
    done = [code for code in draft.done if code != group.code]
    if not errors:
        done.append(group.code)
    _update(draft, version, data=data, done=done)
    return errors


def refresh_answers(draft: Draft, answers: Mapping[str, str]) -> None:
    """Let the draft rest on these register answers from now on.

    What was confirmed of an answer that changed is asked again.
    """
    if dict(draft.answers) != dict(answers):
        _update(draft, draft.version, answers=dict(answers))


def discard(draft: Draft) -> None:
    """Throw the draft away."""
    _update(draft, draft.version, ended_at=clock.now())


def missing(item: ServiceItem, draft: Draft) -> dict[str, dict[str, list[str]]]:
    """What is still to be filled in or mended before it can be sent: ``{group: {field: [...]}}``."""
    return forms.check_application(item, draft.data)


def next_group(item: ServiceItem, draft: Draft) -> Group | None:
    """The first active group that is not done; None where all are."""
    return next((group for group in item.active_groups(draft.data) if group.code not in draft.done), None)


def _update(draft: Draft, version: int, **values: Any) -> None:
    values |= {"version": version + 1, "saved_at": clock.now()}
    statement = (
        update(Draft)
        .where(Draft.id == draft.id, Draft.version == version, Draft.ended_at.is_(None))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    result = db.session.execute(statement)
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise MovedOn(sentence="这份草稿刚刚在别的页面保存过，请刷新后继续填写。")
    db.session.refresh(draft)
