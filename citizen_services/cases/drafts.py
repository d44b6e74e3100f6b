"""Drafts: what a person began and has not yet sent. One open draft a person and item, saved at each step.

What is saved of a group is checked; what is only typed is kept beside it as it was typed, shown again to its person,
and never sent. A draft goes along with its item's declaration: answers whose question is still asked are kept, and a
group that asks otherwise than when it was answered is looked at again before the draft can be sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.cases.errors import MovedOn, NoSuchCase
from citizen_services.cases.models import Case, Draft
from citizen_services.cases.shapes import Shape, shape_of
from citizen_services.cases.signals import draft_waits
from citizen_services.catalogue import Catalogue, ConfirmField, forms
from citizen_services.catalogue.vocabulary import Group, ServiceItem
from citizen_services.database import Change, db, new_id
from citizen_services.database.direct import Direct, columns_of, remembered
from citizen_services.parts import parts
from citizen_services.people.models import Citizen

#: After so many days without a save a person is reminded of a draft, business time.
REMINDED_AFTER = timedelta(days=3)


def open_draft(citizen_id: UUID, item: str) -> Draft | None:
    """The person's open draft of an item."""
    query = select(Draft).where(Draft.citizen_id == citizen_id, Draft.item == item, Draft.ended_at.is_(None))
    return db.session.scalars(query).one_or_none()


def begin(
    item: ServiceItem, citizen_id: UUID, door: str, answers: Mapping[str, str], earlier: Case | None = None
) -> Draft:
    """The person's open draft of the item, begun now where there is none.

    ``answers`` are the ids of the register answers that will be shown: ``{source.topic: id}``. ``earlier`` is a case
    of the person's that ended: its answers are filled in, but what registers say is asked to be confirmed anew.
    """
    at = clock.now()
    data, done = _again(item, earlier.data) if earlier is not None else ({}, [])
    row = {
        "id": new_id(),
        "citizen_id": citizen_id,
        "item": item.code,
        "item_version": item.version,
        "door": door,
        "data": data,
        "done": done,
        "typed": None,
        "shapes": {group.code: shape_of(group) for group in item.groups},
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
    row = _MINE.first(id=draft_id, citizen_id=citizen_id)
    if row is None:
        raise NoSuchCase("没有找到这份草稿，请从“我的办件”进入。")
    return remembered(Draft, row)


_MINE = Direct(
    select(*columns_of(Draft)).where(Draft.id == bindparam("id"), Draft.citizen_id == bindparam("citizen_id"))
)


def save(item: ServiceItem, draft: Draft, group: Group, form: Mapping[str, str], version: int) -> dict[str, list[str]]:
    """Save what was filled in of a group; returns the sentences of the fields that need another look.

    What is valid is kept even where something else is not. Raises MovedOn where the draft was saved elsewhere
    meanwhile.
    """
    valid, errors = forms.check_group(group.schema, forms.form_data(form, group.schema))
    done = [code for code in draft.done if code != group.code]
    if not errors:
        done.append(group.code)
    _update(
        draft,
        version,
        item_version=item.version,
        data={**draft.data, group.code: valid},
        done=done,
        shapes={**(draft.shapes or {}), group.code: shape_of(group)},
        typed=_without(draft.typed, group.code),
    )
    return errors


def keep_typed(draft: Draft, group: Group, texts: Mapping[str, str], version: int | None = None) -> bool:
    """Keep what is typed in a group and not yet saved, as it is; True where it differs from what is saved.

    Raises MovedOn where the draft was saved elsewhere since ``version``, or has ended. What is kept is nobody's
    answer yet, so the draft's version stays.
    """
    same = forms.form_data(texts, group.schema) == {k: str(v) for k, v in draft.data.get(group.code, {}).items() if v}
    typed = _without(draft.typed, group.code)
    if not same:
        typed = {**(typed or {}), group.code: dict(texts)}
    if typed != draft.typed:
        _write(draft, draft.version if version is None else version, typed=typed, saved_at=clock.now())
    elif draft.ended_at is not None or version not in (None, draft.version):
        raise MovedOn
    return not same


def drop_typed(draft: Draft, group: Group) -> None:
    """Forget what was typed in a group: what is saved holds."""
    _write(draft, draft.version, typed=_without(draft.typed, group.code))


def typed_in(draft: Draft, group: Group) -> Mapping[str, str] | None:
    """What was typed in a group and is not saved; None where nothing waits."""
    found: Mapping[str, str] | None = (draft.typed or {}).get(group.code)
    return found


def unsaved_group(item: ServiceItem, draft: Draft) -> Group | None:
    """The first active group in which something typed is not saved."""
    return next((group for group in item.active_groups(draft.data) if typed_in(draft, group) is not None), None)


def _without(typed: Any, code: str) -> dict[str, Any] | None:
    return {name: texts for name, texts in (typed or {}).items() if name != code} or None


def refresh_answers(draft: Draft, answers: Mapping[str, str]) -> None:
    """Let the draft rest on these register answers from now on.

    What was confirmed of an answer that changed is asked again.
    """
    if dict(draft.answers) != dict(answers):
        _update(draft, draft.version, answers=dict(answers))


def declare(draft: Draft, data: Mapping[str, Mapping[str, Any]]) -> None:
    """Let the draft hold what was declared before the form began; its groups are still to be filled in."""
    held = {code: {**draft.data.get(code, {}), **values} for code, values in data.items()}
    if any(draft.data.get(code) != values for code, values in held.items()):
        done = [code for code in draft.done if code not in held]
        _update(draft, draft.version, data={**draft.data, **held}, done=done)


def discard(draft: Draft) -> None:
    """Throw the draft away."""
    _update(draft, draft.version, ended_at=clock.now())


@dataclass(frozen=True)
class Changed:
    """How a group asks otherwise than when it was answered: labels of fields that are new, other than before, gone."""

    new: tuple[str, ...]
    other: tuple[str, ...]
    gone: tuple[str, ...]


def changed(draft: Draft, group: Group) -> Changed | None:
    """How a group that was answered has changed since; None where it asks the same, or was never answered."""
    if not draft.data.get(group.code):
        return None
    before: Shape = (draft.shapes or {}).get(group.code, {})
    now = shape_of(group)
    if before == now:
        return None
    return Changed(
        new=tuple(label for name, (label, _) in now.items() if name not in before),
        other=tuple(label for name, (label, mark) in now.items() if name in before and before[name][1] != mark),
        gone=tuple(label for name, (label, _) in before.items() if name not in now),
    )


def missing(item: ServiceItem, draft: Draft) -> dict[str, dict[str, list[str]]]:
    """What is still to be filled in or mended before it can be sent: ``{group: {field: [...]}}``."""
    return forms.check_application(item, draft.data)


def next_group(item: ServiceItem, draft: Draft) -> Group | None:
    """The first active group that is not done; None where all are."""
    return next((group for group in item.active_groups(draft.data) if not is_done(draft, group)), None)


def is_done(draft: Draft, group: Group) -> bool:
    """Whether a group was saved without errors, and still asks what it asked then."""
    return group.code in draft.done and changed(draft, group) is None


def _again(item: ServiceItem, data: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """What an earlier case's answers fill in, and which groups are complete by that.

    What registers say is confirmed anew.
    """
    filled: dict[str, Any] = {}
    done = []
    for group in item.groups:
        asked = {name for name, field in group.schema.fields.items() if isinstance(field, ConfirmField)}
        given = {name: value for name, value in data.get(group.code, {}).items() if name not in asked}
        valid, errors = forms.check_group(group.schema, given)
        if valid and not asked:
            filled[group.code] = valid
            done += [] if errors else [group.code]
    return filled, done


# --- Reminding --------------------------------------------------------------------------------------------------------


def due_reminders(now: datetime, limit: int = 100) -> Sequence[Draft]:
    """Open drafts that nobody has touched for some days and of which nobody was reminded, the oldest first.

    Of items that are offered today: of one that was given up there is nothing to go on with.
    """
    offered = [item.code for item in parts().catalogue.items()]
    query = select(Draft).where(
        Draft.ended_at.is_(None),
        Draft.reminded_at.is_(None),
        Draft.saved_at <= now - REMINDED_AFTER,
        Draft.item.in_(offered),
    )
    return db.session.scalars(query.order_by(Draft.saved_at, Draft.id).limit(limit)).all()


def remind(catalogue: Catalogue, draft: Draft) -> None:
    """Have its person told that a draft waits, and note that they were: once. The caller commits.

    Raises MovedOn where it was saved, sent or thrown away at this moment, or somebody else reminds of it.
    """
    change = Change(clock.now())
    change.guard(
        update(Draft)
        .where(
            Draft.id == draft.id,
            Draft.saved_at == draft.saved_at,
            Draft.ended_at.is_(None),
            Draft.reminded_at.is_(None),
        )
        .values(reminded_at=change.at),
        otherwise=MovedOn,
    )
    citizen = db.session.get_one(Citizen, draft.citizen_id)
    draft_waits.send(draft.id, draft=draft, item=catalogue.item(draft.item), citizen=citizen, change=change)
    change.write()


# --- Writing ----------------------------------------------------------------------------------------------------------


def _update(draft: Draft, version: int, **values: Any) -> None:
    _write(draft, version, **values, version=version + 1, saved_at=clock.now())


def _write(draft: Draft, expected: int, **values: Any) -> None:
    statement = (
        update(Draft)
        .where(Draft.id == draft.id, Draft.version == expected, Draft.ended_at.is_(None))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    result = db.session.execute(statement)
    if result.rowcount != 1:  # type: ignore[attr-defined]
        raise MovedOn(sentence="这份草稿刚刚在别的页面保存过，请刷新后继续填写。")
    db.session.refresh(draft)
