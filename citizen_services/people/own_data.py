"""What a person may know and end themselves: their consents, and the WeChat that is bound."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.database import Change, db
from citizen_services.people.errors import BindingOver
from citizen_services.people.models import Citizen, Consent, WeChatBinding
from citizen_services.people.signals import account_unbound, follower_bound

#: Of which code a download of everything is proved.
PURPOSE = "own_data"


def consents_of(citizen_id: UUID) -> Sequence[Consent]:
    """What a person, or their guardian for them, agreed to, newest first."""
    query = select(Consent).where(Consent.citizen_id == citizen_id)
    return db.session.scalars(query.order_by(Consent.at.desc(), Consent.id.desc())).all()


def binding_of(citizen_id: UUID) -> WeChatBinding | None:
    """The WeChat that is bound to a person now."""
    query = select(WeChatBinding).where(WeChatBinding.citizen_id == citizen_id, WeChatBinding.ended_at.is_(None))
    return db.session.scalars(query).one_or_none()


def unbind(citizen: Citizen) -> None:
    """End the binding of a person's WeChat and every session of theirs; both ways to them are told.

    Raises BindingOver where none is bound, or another page was faster. The caller commits.
    """
    bound = binding_of(citizen.id)
    if bound is None:
        raise BindingOver
    change = Change(clock.now())
    change.guard(
        update(WeChatBinding)
        .where(WeChatBinding.id == bound.id, WeChatBinding.ended_at.is_(None))
        .values(ended_at=change.at),
        BindingOver,
    )
    change.guard(
        update(Citizen).where(Citizen.id == citizen.id, Citizen.epoch == citizen.epoch).values(epoch=citizen.epoch + 1),
        BindingOver,
    )
    account_unbound.send(citizen.id, openid=bound.openid, phone=citizen.phone, change=change)
    follower_bound.send(bound.openid, change=change)
    change.write()
