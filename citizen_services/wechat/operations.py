"""What a push does: answered once, done once, however often it is delivered."""

from __future__ import annotations

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.database import Change, db
from citizen_services.database.direct import Direct
from citizen_services.wechat import memory
from citizen_services.wechat.conversation import Effect, converse
from citizen_services.wechat.envelope import Delivery
from citizen_services.wechat.models import Push


def take(delivery: Delivery) -> str:
    """Do what a delivered push asks for and return the body of the answer. The caller commits.

    A push that changes nothing is computed by each copy of it that arrives at the same time; what is remembered first
    is what all of them answer. One that changes something is done by the copy whose row is first; others wait.
    Raises Refused for a nonce that was used before, and one of errors.DATABASE_AWAY.
    """
    turn = converse(delivery.received)
    answer = delivery.answer(turn.text)
    if turn.effect is None:
        return delivery.body_of(memory.remember(delivery, answer, turn.offers) or answer)
    memory.remember(delivery)
    return delivery.body_of(_once(delivery.received.key, answer, turn.effect))


#: Made once: it is the same for every push.
_TAKE = Direct(
    insert(Push).values(key=bindparam("key"), at=bindparam("at"), answer=bindparam("answer")).on_conflict_do_nothing()
)


def _once(key: str, answer: memory.Answer, effect: Effect) -> memory.Answer:
    """Do the effect unless the push was taken before; the answer to give."""
    if not _TAKE.run(key=key, at=clock.protocol_now(), answer=answer):
        given: memory.Answer = db.session.execute(select(Push.answer).where(Push.key == key)).scalar_one()
        return given
    change = Change(clock.now())
    effect(change)
    change.write()
    return answer
