"""A person's program hears how their ticket stands, as the phone's page says it; nobody else's program does."""

from __future__ import annotations

from typing import Any

from citizen_services.database import commit
from citizen_services.parts import parts
from citizen_services.people.sessions import open_session
from citizen_services.windows import hall
from citizen_services.windows.models import Counter
from tests.cases.engine_world import Hands
from tests.windows import hall as world
from tests.windows.test_hall import OFFICE, booked, clerk, counters, hands

__all__ = ["counters", "hands"]


def test_a_program_hears_how_many_are_ahead_and_where_its_person_is_called(
    counters: list[Counter], client: Any, hands: Hands
) -> None:
    actor, one = clerk(), counters[0]
    first, second = booked("欧阳小明", 9), booked("石大海", 9, 30)
    ahead, behind = (hall.check_in(OFFICE, person.checkin_code) for person in (first, second))
    tokens = [open_session("citizen", citizen=person.citizen_id).token for person in (first, second)]
    commit()

    def asked(token: str, ticket: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return client.get(f"/api/v1/tickets/{ticket.ticket_id}", headers=headers)

    waits = asked(tokens[1], behind).get_json()
    assert (waits["number"], waits["state"], waits["ahead"], waits["counter"]) == (behind.number, "waiting", 1, None)
    assert waits["minutes"] > 0
    assert waits["service"] == parts().catalogue.service(world.SERVICE).name
    assert "前面还有 1 人" in client.get(f"/h5/queue/{behind.token}").text
    stranger = asked(tokens[0], behind)
    assert (stranger.status_code, stranger.content_type) == (404, "application/problem+json")
    hall.call_next(one, actor)
    commit()
    called = asked(tokens[0], ahead).get_json()
    assert (called["state"], called["ahead"], called["minutes"], called["counter"]) == ("called", 0, 0, one.number)
    assert asked(tokens[1], behind).get_json()["ahead"] == 0
