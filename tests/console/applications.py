"""Applications as they lie on an officer's desk: every register answered, the portrait included."""

from __future__ import annotations

import base64
import copy
import io
import itertools
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from PIL import Image, ImageDraw
from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.cases import operations
from citizen_services.cases.models import Case
from citizen_services.database import commit, db
from citizen_services.parts import parts
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen, Look
from tests import factories
from tests.materials.acting import take

ACTS: dict[str, Callable[[], tuple[Actor, str, dict[str, str]]]] = {
    "accept": lambda: (factories.staff("yl-clerk"), "accept", {}),
    "approve": lambda: (factories.staff("yl-officer"), "approve", {}),
    "make": lambda: (factories.staff("fw-clerk"), "make", {"card_number": f"33021320261{next(_cards):05d}"}),
    "parcel_ordered": lambda: (Actor.system("ems"), "parcel_ordered", {"tracking": TRACKING}),
    "post": lambda: (factories.staff("fw-clerk"), "post", {"tracking": TRACKING}),
}
TRACKING = "1234567890129"
_cards = itertools.count(1)
#: No two people of a run have one number by chance.
_birthdays = itertools.count()


def portrait() -> bytes:
    """A drawn face of the size that cards take."""
    picture = Image.new("RGB", (358, 441), "#f4f6f8")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((85, 60, 273, 300), fill="#e6b894")
    draw.rectangle((40, 330, 318, 441), fill="#2b4a77")
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=80)
    return written.getvalue()


def permit(
    name: str = "李雷", *, correct: str = "yes", registers: str = "found", done: Sequence[str] = ()
) -> tuple[UUID, Citizen]:
    """A permit that was sent, with the acts ``done``; ``correct`` is what the person said of their employment.

    ``registers`` is the outcome of the population register's and the migrant register's answers. Committed.
    """
    person = factories.citizen(name, born=date(1980, 1, 1) + timedelta(days=next(_birthdays)))
    factories.registered(person)
    draft = factories.permit_draft(person)
    data = copy.deepcopy(factories.PERMIT_DATA)
    data["employment"] = {"employment_correct": correct}
    if correct == "no":
        data["employment"]["employment_remark"] = "已换到奉化区锦溪食品厂，7月1日入职"
    data["delivery"]["receiver"] = name
    known = {
        "population.person": {"id_number": person.id_number, "name": name, "gender": "male", "hukou_code": "522601",
                              "hukou_address": "贵州省凯里市三棵树镇赏郎村5组", "status": "normal", "same_name": True},
        "population.portrait": {"portrait": base64.b64encode(portrait()).decode()},
        "migrants.history": {
            "registrations": [
                {"address": "宁波市鄞州区潘火街道金谷中路8号", "since": "2025-11-02", "until": "2026-02-27"}
            ],
            "permits": [],
        },
    }  # fmt: skip
    answers = dict(draft.answers)
    for key, content in known.items():
        source, topic = key.split(".")
        answers[key] = factories.answer(person, source, topic, content if registers == "found" else None, registers)
    draft.answers, draft.data = answers, data
    db.session.flush()
    if correct == "no":
        # Who says that the register is wrong brings a paper.
        take(person, draft.id, "employment_proof")
    outcome = operations.submit(parts().catalogue, draft, factories.applicant(person))
    commit()
    for action in done:
        move(outcome.case_id, action)
    return outcome.case_id, person


def move(case_id: UUID, action: str) -> None:
    """Take one of ACTS on a case, whoever has to; committed."""
    actor, name, data = ACTS[action]()
    version = None if actor.kind == "system" else case_now(case_id).version
    operations.perform(parts().catalogue, case_id, name, actor, version, data)
    commit()


def due(case_id: UUID, days: int) -> None:
    """Have the clock of a case run out so many days from now (24:00); below zero: it is over. Committed."""
    at = (clock.now() + timedelta(days=days)).astimezone(clock.SHANGHAI).replace(
        hour=0, minute=0, second=0, microsecond=0
    ) + timedelta(days=1)  # fmt: skip
    db.session.execute(update(Case).where(Case.id == case_id).values(first_answer_due=at, next_due=at))
    commit()


def case_now(case_id: UUID) -> Case:
    """The case as the database has it now."""
    db.session.rollback()
    return db.session.get_one(Case, case_id, populate_existing=True)


def looks_at(person: Citizen) -> list[tuple[Any, ...]]:
    """Who looked at a person's data: ``(what, office, role, reason)``, oldest first."""
    db.session.rollback()
    rows = db.session.scalars(select(Look).where(Look.citizen_id == person.id).order_by(Look.id))
    return [(row.what, row.office_code, row.role, row.reason) for row in rows]
