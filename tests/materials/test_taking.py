"""Photos for applications: brought, taken out, used again, handed in, by several tabs at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from citizen_services import clock
from citizen_services.cases.models import Draft
from citizen_services.database import Change, Conflict, commit, db, new_id
from citizen_services.database.base import rollback
from citizen_services.materials import operations, queries, sweep
from citizen_services.materials.errors import (
    NoSuchUpload,
    TooManyPieces,
)
from citizen_services.materials.models import Upload
from citizen_services.people.models import Citizen
from tests import factories
from tests.materials import pictures as make
from tests.materials.acting import at_once, hand_in, take


def test_photos_stand_in_order_under_their_material_until_they_are_taken_out(person: Citizen) -> None:
    draft_id = new_id()
    first, second = take(person, draft_id, side=640), take(person, draft_id, side=641)
    contract = take(person, draft_id, "contract", 642)
    assert [(p.code, p.position, p.upload_id) for p in queries.of_draft(draft_id)] == [
        ("contract", 1, contract.id),
        ("lease", 1, first.id),
        ("lease", 2, second.id),
    ]
    piece = queries.of_draft(draft_id)[1]
    assert (piece.width, piece.height, piece.brought_by_staff, piece.replaced) == (640, 480, False, False)
    operations.remove(person.id, draft_id, first.id)
    commit()
    third = take(person, draft_id, side=643)
    assert [(p.position, p.upload_id) for p in queries.of_draft(draft_id) if p.code == "lease"] == [
        (2, second.id),
        (3, third.id),
    ]
    with pytest.raises(NoSuchUpload):
        operations.remove(person.id, draft_id, first.id)
    with pytest.raises(NoSuchUpload):
        queries.own(person.id, first.id)
    assert queries.own(person.id, second.id).id == second.id


def test_the_same_photo_sent_twice_is_kept_once(person: Citizen, uploads: Path, app: Flask) -> None:
    draft_id = new_id()
    file = make.jpeg()
    taken = at_once(app, *[lambda: operations.take(person.id, draft_id, "lease", file).id for _ in range(3)])
    assert len(set(taken)) == 1, taken
    assert len(queries.of_draft(draft_id)) == 1
    assert len([path for path in uploads.rglob("*") if path.is_file()]) == 2


def test_a_material_has_no_more_photos_than_it_may_even_from_several_tabs(person: Citizen, app: Flask) -> None:
    draft_id = new_id()
    take(person, draft_id, most=2)

    def bring(side: int) -> Callable[[], object]:
        return lambda: operations.take(person.id, draft_id, "lease", make.jpeg(side, 480), most=2)

    results = at_once(app, bring(650), bring(651), bring(652))
    assert sum(isinstance(result, Upload) for result in results) == 1, results
    assert sum(isinstance(result, TooManyPieces) for result in results) == 2, results
    assert [p.position for p in queries.of_draft(draft_id)] == [1, 2]
    with pytest.raises(TooManyPieces) as refused:
        operations.take(person.id, draft_id, "lease", make.jpeg(), most=2)
    assert refused.value.sentence == "这份材料最多上传2张照片，请先删除不需要的再上传。"
    take(person, draft_id, "contract", most=2)


def test_nobody_reaches_a_strangers_photo(person: Citizen) -> None:
    stranger = factories.citizen("韩梅梅")
    draft_id, case_id, other_case = new_id(), new_id(), new_id()
    upload = take(person, draft_id)
    for act in (
        lambda: queries.own(stranger.id, upload.id),
        lambda: operations.remove(stranger.id, draft_id, upload.id),
        lambda: operations.reuse(stranger.id, new_id(), "lease", upload.id),
        lambda: queries.own(person.id, new_id()),
        lambda: queries.handed_in(case_id, upload.id),
    ):
        with pytest.raises(NoSuchUpload) as refused:
            act()
        assert refused.value.sentence == NoSuchUpload.sentence
    hand_in(draft_id, case_id)
    assert queries.handed_in(case_id, upload.id).id == upload.id
    with pytest.raises(NoSuchUpload):
        queries.handed_in(other_case, upload.id)
    assert not queries.earlier(stranger.id, "lease")


def test_a_photo_is_used_again_in_another_case_and_stays_where_it_was_handed_in(person: Citizen) -> None:
    draft_id, case_id, later, latest = new_id(), new_id(), new_id(), new_id()
    upload = take(person, draft_id)
    assert not queries.earlier(person.id, "lease")
    hand_in(draft_id, case_id)
    assert not queries.of_draft(draft_id)
    assert [p.upload_id for p in queries.of_case(case_id)] == [upload.id]
    assert [u.id for u in queries.earlier(person.id, "lease", later)] == [upload.id]
    assert not queries.earlier(person.id, "contract")
    for _ in range(2):
        assert operations.reuse(person.id, later, "lease", upload.id).id == upload.id
        commit()
    assert [p.upload_id for p in queries.of_draft(later)] == [upload.id]
    assert not queries.earlier(person.id, "lease", later)
    operations.remove(person.id, later, upload.id, "lease")
    commit()
    assert queries.own(person.id, upload.id).ended_at is None
    assert [p.upload_id for p in queries.of_case(case_id)] == [upload.id]
    with pytest.raises(NoSuchUpload):
        operations.remove(person.id, case_id, upload.id)
    take(person, latest, most=1, side=700)
    with pytest.raises(TooManyPieces):
        operations.reuse(person.id, latest, "lease", upload.id, most=1)


def test_an_answer_to_a_correction_adds_to_a_material_or_takes_the_place_of_what_was_wrong(person: Citizen) -> None:
    draft_id, case_id, correction = new_id(), new_id(), new_id()
    lease, contract = take(person, draft_id, "lease"), take(person, draft_id, "contract", 641)
    hand_in(draft_id, case_id)
    better, page = take(person, correction, "lease", 650), take(person, correction, "contract", 651)
    hand_in(correction, case_id, replace=("lease",))
    assert [(p.code, p.position, p.upload_id) for p in queries.of_case(case_id)] == [
        ("contract", 1, contract.id),
        ("contract", 2, page.id),
        ("lease", 2, better.id),
    ]
    everything = queries.of_case(case_id, replaced=True)
    assert [p.upload_id for p in everything if p.replaced] == [lease.id]
    assert queries.handed_in(case_id, lease.id).id == lease.id
    assert [u.id for u in queries.earlier(person.id, "lease")] == [better.id]


def test_sending_while_a_photo_is_taken_out_or_brought_loses_none_unseen(person: Citizen, app: Flask) -> None:
    draft_id, case_id = new_id(), new_id()
    kept, gone = take(person, draft_id, side=640), take(person, draft_id, side=641)
    change = Change(clock.now())
    operations.attach(change, draft_id, case_id)
    [taken_out] = at_once(app, lambda: operations.remove(person.id, draft_id, gone.id))
    assert taken_out is None
    with pytest.raises(Conflict):
        change.write()
    rollback()
    assert [p.upload_id for p in queries.of_draft(draft_id)] == [kept.id]
    rollback()

    sending, stored = threading.Event(), threading.Event()

    def send() -> None:
        second = Change(clock.now())
        operations.attach(second, draft_id, case_id)
        sending.set()
        # While this one holds the draft, the other decodes, and waits.
        assert not stored.wait(1.5)
        second.write()

    def bring() -> list[UUID]:
        assert sending.wait(10)
        operations.take(person.id, draft_id, "lease", make.jpeg(660, 480))
        stored.set()
        # What a door reads between take and commit: the case is there, so it says so and rolls back.
        return [p.upload_id for p in queries.of_case(case_id)]

    assert at_once(app, send, bring) == [None, [kept.id]]


def test_a_photo_that_is_being_used_again_is_neither_ended_nor_swept_away(person: Citizen, app: Flask) -> None:
    for _ in range(8):
        draft_id, other = new_id(), new_id()
        upload_id = take(person, draft_id).id

        def out(upload_id: UUID = upload_id, draft_id: UUID = draft_id) -> None:
            operations.remove(person.id, draft_id, upload_id)
            sweep.forget(select(Draft.id))

        def again(upload_id: UUID = upload_id, other: UUID = other) -> object:
            return operations.reuse(person.id, other, "lease", upload_id).id

        taken_out, used = at_once(app, out, again)
        assert taken_out is None
        ended = db.session.scalar(select(Upload.ended_at).where(Upload.id == upload_id))
        if used == upload_id:
            assert ended is None
            assert [p.upload_id for p in queries.of_draft(other)] == [upload_id]
        else:
            assert isinstance(used, NoSuchUpload)
            assert ended is not None
        rollback()
