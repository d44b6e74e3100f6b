"""Reminders that people ask for: what of theirs runs out elsewhere, consented to, and stopped with one tap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from citizen_services import clock
from citizen_services.database import db, new_id, violated_constraint
from citizen_services.people.models import Consent
from citizen_services.registers.watch_models import KINDS, Watch
from citizen_services.rules.plates import Plate
from citizen_services.security import keyring

#: What runs out, as people say it.
WORDS: Mapping[str, str] = {
    "licence": "驾驶证",
    "inspection": "车辆检验合格标志",
    "medical": "驾驶人身体条件证明",
}
PURPOSE = "watch"
#: Nobody drives more.
MOST = 12
_CURRENT = "uq_watch_current"


class TooManyWatches(Exception):
    """One more than anybody may have."""

    sentence = f"最多设 {MOST} 项提醒，请先停掉不用的。"


@dataclass(frozen=True)
class Wish:
    """What somebody wants to be reminded of: a kind, and of an inspection the vehicle."""

    kind: str
    plate: Plate | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS or (self.kind == "inspection") != (self.plate is not None):
            raise ValueError("an inspection is a vehicle's, nothing else is")

    @property
    def words(self) -> str:
        """What they consent to."""
        what = WORDS[self.kind]
        return f"我同意为了到期提醒，定期向交管平台查询我的{what}有效期，在到期前通知我。随时可以停止。"

    @property
    def lookup(self) -> bytes:
        """The vehicle, comparable; the same for all that is no vehicle's."""
        return keyring().lookup("plate", self.plate.key if self.plate else "")


def ask(citizen_id: UUID, wish: Wish) -> UUID:
    """Somebody wants to be reminded, and consented to ``wish.words``: the watch's id, one a person and thing.

    Asked for once more it is the same. Raises TooManyWatches. The caller commits.
    """
    found = _current(citizen_id, wish)
    if found is not None:
        return found
    if len(current(citizen_id)) >= MOST:
        raise TooManyWatches
    at, watch_id, consent_id = clock.now(), new_id(), new_id()
    try:
        with db.session.begin_nested():
            db.session.add(Consent(id=consent_id, citizen_id=citizen_id, purpose=PURPOSE, words=wish.words, at=at))
            db.session.flush()
            db.session.add(_row(watch_id, citizen_id, wish, consent_id, at))
            db.session.flush()
    except IntegrityError as fault:
        # Pressed twice at one moment: one of them is enough.
        if violated_constraint(fault) != _CURRENT or (found := _current(citizen_id, wish)) is None:
            raise
        return found
    return watch_id


def _row(watch_id: UUID, citizen_id: UUID, wish: Wish, consent_id: UUID, at: datetime) -> Watch:
    return Watch(
        id=watch_id,
        citizen_id=citizen_id,
        kind=wish.kind,
        plate_kind=wish.plate.kind if wish.plate else "",
        plate=wish.plate.number if wish.plate else "",
        plate_lookup=wish.lookup,
        consent_id=consent_id,
        at=at,
        until=None,
        checked_at=None,
        check_at=clock.protocol_now(),
        remind_on=None,
        told_until=None,
        ended_at=None,
    )


def _current(citizen_id: UUID, wish: Wish) -> UUID | None:
    query = select(Watch.id).where(Watch.citizen_id == citizen_id, Watch.kind == wish.kind, Watch.ended_at.is_(None))
    return db.session.scalars(query.where(Watch.plate_lookup == wish.lookup)).one_or_none()


def current(citizen_id: UUID) -> Sequence[Watch]:
    """What somebody is reminded of, in the order in which they asked for it."""
    query = select(Watch).where(Watch.citizen_id == citizen_id, Watch.ended_at.is_(None)).order_by(Watch.id)
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def stop(citizen_id: UUID, watch_id: UUID) -> bool:
    """No more of it: the plate goes, the consent is withdrawn. False where there is none, or it was stopped before."""
    ended = db.session.execute(
        update(Watch)
        .where(Watch.id == watch_id, Watch.citizen_id == citizen_id, Watch.ended_at.is_(None))
        .values(ended_at=clock.now(), plate="", remind_on=None)
        .returning(Watch.consent_id)
    ).scalar_one_or_none()
    if ended is None:
        return False
    open_consent = update(Consent).where(Consent.id == ended, Consent.withdrawn_at.is_(None))
    db.session.execute(open_consent.values(withdrawn_at=clock.now()))
    return True
