"""An item that the national platform decides, as small as can be, for the tests of the hand-over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Flask

import workflows
from citizen_services.cases import operations
from citizen_services.cases.handing_over import (
    AnswerSchema,
    SerialSchema,
    hand_over_application,
    note_answer,
    note_serial,
    take_back_application,
)
from citizen_services.catalogue import SYSTEM, Catalogue, Guard, ServiceItem, State, Step
from citizen_services.database import commit
from citizen_services.parts import EXTENSION, Parts, parts
from citizen_services.people.models import Citizen
from citizen_services.rules.periods import packaged_calendar
from tests import factories as make

CODE = "licence-trial"
#: What the guard of acceptance looks at; a test may close it.
PAID = {"paid": True}


def _item() -> ServiceItem:
    permit = max((i for i in workflows.declared() if i.code == "residence-permit-first"), key=lambda item: item.version)
    submit, leave = permit.step(None, "submit"), permit.step("submitted", "withdraw")
    accept, approve, refuse = (
        permit.step("accepted" if a != "accept" else "submitted", a) for a in ("accept", "approve", "refuse")
    )
    assert submit and leave and accept and approve and refuse  # noqa: PT018
    paid = Guard("paid", "还没有缴费", lambda situation: PAID["paid"])
    on_site = State("on_site", "转现场办理", "请到窗口办理", clock="result")
    decided: dict[str, Any] = {"by": SYSTEM, "input": AnswerSchema(), "guard": (), "tell": None}
    steps = [
        replace(submit, then=(hand_over_application,)),
        replace(leave, then=(take_back_application,)),
        replace(accept, by=SYSTEM, input=SerialSchema(), guard=(paid,), then=(note_serial,), tell=None),
    ]
    for start in ("accepted", "on_site"):
        steps += [
            replace(approve, start=start, end="completed", then=(note_answer,), **decided),
            replace(refuse, start=start, then=(note_answer,), **decided),
        ]
    steps.append(
        Step(
            "accepted",
            "require_presence",
            "on_site",
            SYSTEM,
            "转现场",
            "转现场",
            (),
            (note_answer,),
            input=AnswerSchema(),
        )
    )
    kept = {"submitted", "accepted", "completed", "refused", "withdrawn"}
    states = (*(state for state in permit.states if state.code in kept), on_site)
    return replace(
        permit,
        code=CODE,
        number_prefix="TZ",
        version=1,
        continues=(),
        steps=tuple(steps),
        states=states,
        documents=(),
        household=None,
    )


@contextmanager
def offered(app: Flask) -> Iterator[None]:
    """While the item is among those that the application offers."""
    before: Parts = app.extensions[EXTENSION]
    catalogue = Catalogue([*workflows.declared()], packaged_calendar())
    catalogue._versions[CODE] = {1: _item()}
    app.extensions[EXTENSION] = replace(before, catalogue=catalogue)
    PAID["paid"] = True
    yield
    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], catalogue=before.catalogue)


def applied(person: Citizen) -> UUID:
    """The id of an application of that item that was just sent; committed."""
    make.registered(person)
    draft = make.permit_draft(person)
    draft.item = CODE
    outcome = operations.submit(parts().catalogue, draft, make.applicant(person))
    commit()
    return outcome.case_id
