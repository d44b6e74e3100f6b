"""A citizen's token at the API opens what a live session of a bound person opens, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, update

from citizen_services.clock import protocol_now
from citizen_services.database import commit, db
from citizen_services.people.models import Citizen, Session
from citizen_services.people.sessions import LIFETIMES, open_session
from tests import factories
from tests.api.conftest import Program

#: Read of the caller no more than who they are, and more of them.
_PATHS = ("/appointments", "/me/letters", "/me/principals")
_HOUR = timedelta(hours=1)
_ENDED: dict[str, Any] = {
    "closed": lambda: delete(Session),
    "old": lambda: update(Session).values(expires_at=protocol_now() - _HOUR),
    "idle": lambda: update(Session).values(seen_at=protocol_now() - LIFETIMES["citizen"].idle - _HOUR),
    "logged out everywhere": lambda: update(Citizen).values(epoch=Citizen.epoch + 1),
    "without its second factor": lambda: update(Session).values(factor_pending=True),
}


@pytest.mark.parametrize("end", _ENDED)
def test_a_session_that_ended_in_whichever_way_opens_nothing(
    application: Flask, program: Callable[[str | None], Program], end: str
) -> None:
    with application.app_context():
        who = factories.citizen("王一")
        token = open_session("citizen", citizen=who.id, epoch=who.epoch).token
        commit()
    mine = program(token)
    assert [mine.get(path).status_code for path in _PATHS] == [200] * len(_PATHS)
    with application.app_context():
        db.session.execute(_ENDED[end]())
        commit()
    assert [mine.get(path).status_code for path in _PATHS] == [401] * len(_PATHS)


def test_a_token_of_nobody_bound_yet_says_so_and_that_one_is_in_use_is_noted(
    application: Flask, program: Callable[[str | None], Program]
) -> None:
    with application.app_context():
        who = factories.citizen("王一")
        unbound = open_session("citizen", phone="13912345678").token
        opened = open_session("citizen", citizen=who.id, epoch=who.epoch)
        db.session.execute(update(Session).values(seen_at=protocol_now() - _HOUR))
        commit()
    refused = program(unbound).get("/appointments")
    assert (refused.status_code, refused.get_json()["type"]) == (403, "not-bound")
    began = protocol_now()
    assert program(opened.token).get("/appointments").status_code == 200
    with application.app_context():
        assert db.session.scalars(select(Session.seen_at).where(Session.id == opened.id)).one() >= began
