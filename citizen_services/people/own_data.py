"""What a person may know and end themselves: their consents, and the WeChat that is bound."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update

from citizen_services import clock
from citizen_services.database import Change, db
from citizen_services.people import looks
from citizen_services.people.errors import BindingOver
from citizen_services.people.models import Citizen, Consent, Look, WeChatBinding
from citizen_services.people.signals import account_unbound, follower_bound

#: Of which code a download of everything is proved.
PURPOSE = "own_data"
#: What a member of the staff looked at, and what a person agreed to, in words.
LOOKED = {
    "opened": "打开办件",
    "unmasked": "显示隐去的信息",
    "searched": "按人查办件",
    "bound": "核验身份证",
    "exported": "导出",
}
AGREED = {
    "notice": "知晓个人信息怎样使用",
    "face": "人脸核验",
    "commitment": "承诺内容属实",
    "electronic_service": "文书电子送达",
    "guardian": "监护人同意",
    "guardian_face": "监护人同意人脸核验",
    "watch": "到期提醒",
}


def consents_of(citizen_id: UUID) -> Sequence[Consent]:
    """What a person, or their guardian for them, agreed to, newest first."""
    query = select(Consent).where(Consent.citizen_id == citizen_id)
    return db.session.scalars(query.order_by(Consent.at.desc(), Consent.id.desc())).all()


def look_words(one: Look) -> str:
    """What somebody saw and why, for the person whose data it is."""
    return "办理您的办件" if one.reason == looks.HANDLING else f"{LOOKED.get(one.what, '')}：{one.reason}"


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
