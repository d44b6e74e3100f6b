"""Asking registers about a person, and keeping what they answered."""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text

from citizen_services import clock
from citizen_services.catalogue.vocabulary import Supplier
from citizen_services.database import db, new_id
from citizen_services.exchange import clients
from citizen_services.exchange.addresses import Address
from citizen_services.exchange.http import new_ref
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.exchange.queries import OF_VEHICLE, SERVES, as_answer, fresh_answers
from citizen_services.exchange.signing import Answered
from citizen_services.rules.errors import RuleError
from citizen_services.rules.names import same_name

log = logging.getLogger(__name__)

#: How long a page waits for all registers together, in seconds.
PATIENCE_S = 3.0
#: What a person chooses (``keep_address``): no register can be asked about it by their number.
CHOSEN = "addresses.address"

Ask = Callable[[str, str], Answered[Any]]
Content = Mapping[str, Any] | None


class CalledWithinAnAct(RuntimeError):
    """Registers were to be asked in a transaction that has written: calls outside come before it."""


@dataclass(frozen=True)
class Topic:
    """How one thing is asked for: ``ask()(id_number, ref)``; and what of the answer is kept, None for nothing known.

    ``ask`` finds the client, which only the thread of the request can.
    """

    ask: Callable[[], Ask]
    keep: Callable[[Any], Content]


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def fields_of_value(value: Any) -> Content:
    """A client's value as it is kept: its fields, dates as ISO text; None for nothing known."""
    return None if value is None else {name: _plain(part) for name, part in asdict(value).items()}


def _image(value: bytes | None) -> Content:
    return None if value is None else {"portrait": base64.b64encode(value).decode()}


def _lists(value: Any) -> Content:
    kept = fields_of_value(value) or {}
    return kept if any(kept.values()) else None


def _person() -> Ask:
    client = clients.population()
    return lambda number, ref: client.person(number, ref=ref)


def _portrait() -> Ask:
    client = clients.population()
    return lambda number, ref: client.portrait(number, ref=ref)


def _history() -> Ask:
    client = clients.migrants()
    return lambda number, ref: client.history(number, ref=ref)


def _employment() -> Ask:
    client = clients.social_insurance()
    return lambda number, ref: client.employment(number, ref=ref)


def _business() -> Ask:
    client = clients.market()
    return lambda number, ref: client.business(number, ref=ref)


def _enrolment() -> Ask:
    client = clients.schools()
    return lambda number, ref: client.enrolment(number, ref=ref)


def _owned() -> Ask:
    client = clients.vehicles()
    return lambda number, ref: client.owned(number, ref=ref)


def _licence() -> Ask:
    client = clients.licences()
    return lambda number, ref: client.licence(number, ref=ref)


def _open_matters() -> Ask:
    client = clients.violations()
    return lambda number, ref: client.open(number, ref=ref)


def _certificate() -> Ask:
    client = clients.medical()
    return lambda number, ref: client.certificate(number, ref=ref)


#: What can be asked by a person's number.
TOPICS: Mapping[str, Topic] = {
    "population.person": Topic(_person, fields_of_value),
    "population.portrait": Topic(_portrait, _image),
    "migrants.history": Topic(_history, _lists),
    "social_insurance.employment": Topic(_employment, fields_of_value),
    "market.business": Topic(_business, fields_of_value),
    "schools.enrolment": Topic(_enrolment, fields_of_value),
    "vehicles.owned": Topic(_owned, _lists),
    "licences.licence": Topic(_licence, fields_of_value),
    "violations.open": Topic(_open_matters, _lists),
    "medical.certificate": Topic(_certificate, fields_of_value),
}


def gather(citizen_id: UUID, id_number: str, name: str, needs: Sequence[Supplier]) -> dict[str, dict[str, Any]]:
    """What the registers know of a citizen, by ``source.topic``: kept answers while they are fresh, else asked now.

    Each answer is ``{id, source, topic, outcome, content, at, fresh}``; ``outcome`` is ``found``, ``none`` or
    ``unavailable`` (not answered in time; asked again next time). All are asked at once, within PATIENCE_S together.
    ``population.person`` also tells ``same_name``: whether the register's name is the given one. ``addresses.address``
    is there once it was chosen (keep_address).

    New answers are added to the session; the caller commits. Ends the transaction under way before it calls out, so it
    must come before anything is written: CalledWithinAnAct otherwise. KeyError for a need that nobody can answer.
    """
    # What is told of a vehicle is told of the one that somebody chose (exchange/of_vehicles.py).
    keys = [need.key for need in needs if need.key not in OF_VEHICLE]
    answers = fresh_answers(citizen_id, keys)
    missing = {key: TOPICS[key] for key in keys if key not in answers and key != CHOSEN}
    if not missing:
        return answers
    end_reading()
    for key, (ref, found) in ask_all(missing, id_number).items():
        content = missing[key].keep(found.value) if found is not None else None
        if key == "population.person" and content is not None:
            content = {**content, "same_name": _same(str(content["name"]), name)}
        outcome = "unavailable" if found is None else "none" if content is None else "found"
        row = answer_row(citizen_id, key, ref, outcome, content)
        db.session.add(row)
        answers[key] = as_answer(row)
    return answers


def keep_address(citizen_id: UUID, code: str) -> dict[str, Any]:
    """Ask for the standard address of a code, and keep the answer as what the citizen chose; as gather.

    ``outcome`` is ``found``, ``none`` (no such code) or ``unavailable``.
    """
    client = clients.addresses()
    end_reading()
    ref = new_ref()
    found: Address | None = None
    try:
        found = client.get(code, ref=ref)
        outcome = "found" if found else "none"
    except OutsideError as error:
        log.warning("%s ref=%s: no answer: %s", CHOSEN, ref, error)
        outcome = "unavailable"
    row = answer_row(citizen_id, CHOSEN, ref, outcome, fields_of_value(found))
    db.session.add(row)
    return as_answer(row)


def end_reading() -> None:
    """End a transaction that has only read; what it loaded stays readable."""
    if not db.session().in_transaction():
        return
    pending = db.session.new or db.session.dirty or db.session.deleted
    if pending or db.session.scalar(text("SELECT pg_current_xact_id_if_assigned()")) is not None:
        raise CalledWithinAnAct("registers are asked before anything is written")
    db.session.commit()


def ask_all(topics: Mapping[str, Topic], id_number: str) -> dict[str, tuple[str, Answered[Any] | None]]:
    """Ask for everything at the same time; None where no answer came in time."""
    until = time.monotonic() + PATIENCE_S
    waiting: dict[str, tuple[str, Future[Answered[Any]]]] = {}
    for key, topic in topics.items():
        ref = new_ref()
        future: Future[Answered[Any]] = Future()
        waiting[key] = (ref, future)
        try:
            ask = topic.ask()
        except OutsideError as error:
            future.set_exception(error)
            continue
        # A thread of its own, which may outlive the page: in a pool the next page would wait for a slow register.
        threading.Thread(target=_run, args=(ask, id_number, ref, future), name=f"ask {key}", daemon=True).start()
    return {
        key: (ref, _result(key, ref, future, max(0.0, until - time.monotonic())))
        for key, (ref, future) in waiting.items()
    }


def _run(ask: Ask, id_number: str, ref: str, future: Future[Answered[Any]]) -> None:
    try:
        future.set_result(ask(id_number, ref))
    except BaseException as error:
        # Whatever it was is raised where the result is asked for.
        future.set_exception(error)


def _result(key: str, ref: str, future: Future[Answered[Any]], within_s: float) -> Answered[Any] | None:
    try:
        return future.result(within_s)
    except TimeoutError:
        log.warning("%s ref=%s: no answer within a page's patience", key, ref)
    except OutsideError as error:
        log.warning("%s ref=%s: no answer: %s", key, ref, error)
    return None


def answer_row(citizen_id: UUID, key: str, ref: str, outcome: str, content: Content) -> RegisterAnswer:
    """A row of what a register answered, to be added to the session."""
    source, topic = key.split(".", 1)
    now = clock.protocol_now()
    return RegisterAnswer(
        id=new_id(),
        citizen_id=citizen_id,
        source=source,
        topic=topic,
        outcome=outcome,
        content=content,
        our_ref=ref,
        at=clock.now(),
        fresh_until=now if outcome == "unavailable" else now + SERVES[key],
    )


def _same(one: str, other: str) -> bool:
    try:
        return same_name(one, other)
    except RuleError:
        # A register may hold names that could not be typed at our doors.
        return one == other
