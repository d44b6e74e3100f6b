"""Consents to subscription messages (订阅通知): given by a tap in WeChat, told to us by pushes, one a template.

A one-time consent serves one message, a lasting one (长期订阅) until it is taken back. What we count is a hint;
WeChat's own answer (43101: none is left) is the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services.database import db
from citizen_services.parts import parts
from citizen_services.wechat.models import MessageConsent

#: How subscription templates stand in CHANNEL_TEMPLATES: one-time ones, and those of a lasting consent.
ONCE, LASTING = "subscribe:", "subscribe_lasting:"


@dataclass(frozen=True)
class Subscription:
    """A template of subscription messages: our key, WeChat's id, and whether a consent to it lasts."""

    key: str
    template_id: str
    lasting: bool


def subscriptions() -> Mapping[str, Subscription]:
    """The templates that are configured, by our key; a lasting one goes before a one-time one of the same key."""
    found: dict[str, Subscription] = {}
    for beginning in (ONCE, LASTING):
        for name, template_id in parts().settings.templates.items():
            if name.startswith(beginning):
                key = name.removeprefix(beginning)
                found[key] = Subscription(key, template_id, beginning == LASTING)
    return found


#: How many templates one tap may ask for.
MOST_A_TAP = 3


def offered() -> tuple[Subscription, ...]:
    """What a page asks for in one tap: lasting ones where there are any; one-time ones can't be asked with them."""
    known = list(subscriptions().values())
    lasting = [one for one in known if one.lasting]
    return tuple((lasting or known)[:MOST_A_TAP])


def consented(openid: str, key: str) -> bool:
    """Whether a person has consented to another message by that template, as far as we know."""
    if key not in subscriptions():
        return False
    asked = select(MessageConsent.openid).where(
        MessageConsent.openid == openid,
        MessageConsent.template == key,
        or_(MessageConsent.lasting, MessageConsent.remaining > 0),
    )
    return db.session.scalar(asked) is not None


def answered(openid: str, answers: Mapping[str, bool], at: datetime) -> None:
    """Keep what a person answered to each template, by WeChat's id; the caller commits.

    A one-time yes is one more message; a no takes nothing back that was given before.
    """
    by_id = {one.template_id: one for one in subscriptions().values()}
    for template_id in sorted(set(answers) & set(by_id)):
        if not answers[template_id]:
            continue
        one = by_id[template_id]
        row = insert(MessageConsent).values(
            openid=openid, template=one.key, lasting=one.lasting, remaining=0 if one.lasting else 1, at=at
        )
        more: dict[str, Any] = {"at": at, "lasting": one.lasting}
        if not one.lasting:
            more["remaining"] = MessageConsent.remaining + 1
        db.session.execute(row.on_conflict_do_update(index_elements=["openid", "template"], set_=more))


def withdrawn(openid: str, template_ids: set[str], at: datetime) -> None:
    """A person no longer wants messages by these templates (their settings in WeChat); the caller commits."""
    keys = [one.key for one in subscriptions().values() if one.template_id in template_ids]
    _end(openid, keys, at)


def used(openid: str, key: str) -> None:
    """A message went by a consent; a one-time one is one less. The caller commits."""
    fewer = case((MessageConsent.lasting, 0), else_=func.greatest(MessageConsent.remaining - 1, 0))
    db.session.execute(
        update(MessageConsent)
        .where(MessageConsent.openid == openid, MessageConsent.template == key)
        .values(remaining=fewer)
    )


def none_left(openid: str, key: str, at: datetime) -> None:
    """WeChat says that there is no consent, whatever we counted. The caller commits."""
    _end(openid, [key], at)


def _end(openid: str, keys: list[str], at: datetime) -> None:
    db.session.execute(
        update(MessageConsent)
        .where(MessageConsent.openid == openid, MessageConsent.template.in_(keys))
        .values(remaining=0, lasting=False, at=at)
    )
