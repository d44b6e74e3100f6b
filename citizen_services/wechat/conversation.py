"""The conversation: what each message and event of a follower is answered, and what it changes.

``converse`` only reads; what a push changes is returned as ``Turn.effect`` and done by operations.py, once. The
tables of who answers what stand at the bottom.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import and_, bindparam, or_, update
from sqlalchemy.dialects.postgresql import insert

from citizen_services import clock
from citizen_services.cases.queries import cases_of, own_case_by_number
from citizen_services.catalogue.counter import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.database import Change, db
from citizen_services.database.base import rollback
from citizen_services.database.direct import Direct
from citizen_services.parts import parts
from citizen_services.people.queries import citizen_of_openid, is_bound
from citizen_services.rules.masking import scrub
from citizen_services.rules.text import RuleError, fold_width, normalise_text
from citizen_services.wechat import booking, consents, hours, memory, scenes, texts
from citizen_services.wechat.envelope import Received
from citizen_services.wechat.errors import DATABASE_AWAY
from citizen_services.wechat.finding import at_counter, meant, simplified
from citizen_services.wechat.matters import MATTERS
from citizen_services.wechat.models import Follower
from citizen_services.wechat.signals import bound_follower_came, template_finished

log = logging.getLogger(__name__)

Effect = Callable[[Change], None]


@dataclass(frozen=True)
class Turn:
    """What is said (empty: nothing), and what the push changes (None: nothing)."""

    text: str = ""
    effect: Effect | None = None
    #: Codes of what the text offers to choose among, in its order, to be remembered for some minutes.
    offers: tuple[str, ...] = ()


def converse(received: Received) -> Turn:
    """The turn that a push is due.

    Where the database is away, a push that changes nothing is answered kindly; for one that changes something the fault
    (errors.DATABASE_AWAY) goes on to the door.
    """
    try:
        if received.kind == "event":
            return EVENTS.get(received.event, _silence)(received)
        if received.kind == "text":
            return _on_text(received)
        return Turn(texts.of_kind(received.kind))
    except DATABASE_AWAY as fault:
        if received.event in CHANGING:
            raise
        log.warning("a follower's question can't be answered: %s", type(fault).__name__)
        rollback()
        return Turn(texts.NOT_NOW)


# --- Text ---------------------------------------------------------------------------------------------------------

#: What is looked at of a text; questions are shorter.
_LOOKED_AT = 100
_NUMBER = re.compile(r"(?<![A-Z0-9])([A-Z]{2})\s?([0-9]{8})[\s_–—-]?([0-9]{6})(?![0-9])")
_DIGITS = "一二三四五六七八九"
_MSGID = re.compile(r"[0-9]{1,20}", re.ASCII)
_CHOICE = re.compile(rf"(?:选|第)?([1-9{_DIGITS}])(?:个|项|号|条)?")
#: What is asked of a service that isn't named.
_WHICH = re.compile("材料|资料|手续|证明|条件|带什么|带啥|准备什么|准备啥|流程|步骤|怎么办|咋办|怎么弄|咋弄")
_MATTER_WORDS = {code: matter.words for code, matter in MATTERS.items()}
_BLANKS = re.compile(r"[\s“”\"'‘’。，、,.!！?？:：;；~～…·]+")


def _on_text(received: Received) -> Turn:
    typed = received.text("Content")
    if typed in _TOLD_TO_SEND:
        return Turn(_TOLD_TO_SEND[typed](received))
    try:
        text = normalise_text(fold_width(typed[: 20 * _LOOKED_AT]), limit=_LOOKED_AT)
    except RuleError:
        return Turn(texts.keep_private() if scrub(typed) != typed else texts.not_understood())
    found = _NUMBER.search(text.upper())
    if found:
        return Turn(_on_number(received, f"{found[1]}{found[2]}-{found[3]}"))
    if scrub(text) != text:
        return Turn(texts.keep_private())
    words = simplified(_BLANKS.sub("", text)).casefold()
    if booking.asked(words) and (told := booking.answer(received.sender, words)) is not None:
        return Turn(told[0], offers=told[1])
    for known, answer in WORDS:
        if known.search(words):
            return Turn(answer(received))
    digit = _CHOICE.fullmatch(words)
    return _on_choice(received, digit[1]) if digit else _on_meaning(received, words)


def _on_number(received: Received, number: str) -> str:
    """A case number answers its own person only; to others it is a number like any other."""
    citizen = citizen_of_openid(received.sender)
    if citizen is None:
        return texts.how_to_bind(bound=False)
    case = own_case_by_number(citizen.id, number)
    return texts.one_case(case) if case else texts.no_such_case()


def _on_choice(received: Received, digit: str) -> Turn:
    """A digit answers the question that we asked back, while we know which that was."""
    offered = memory.offered(received.sender)
    at = int(digit) if digit.isdecimal() else _DIGITS.index(digit) + 1
    told = _told(offered[at - 1]) if at <= len(offered) else None
    if told is not None:
        return Turn(told)
    names = [name for name in map(_name_of, offered) if name is not None]
    return Turn(texts.choose(names), offers=tuple(offered)) if names else Turn(texts.choice_over())


def _on_meaning(received: Received, words: str) -> Turn:
    """Services, or matters that are none, by their declared words; where several fit, we ask back."""
    if (told := hours.of_service(words)) is not None:
        return Turn(told)
    items, matters = meant(words, parts().catalogue.items(), _MATTER_WORDS)
    codes = [item.code for item in items] or at_counter(words, parts().catalogue.counter_services()) or matters
    if not codes and _WHICH.search(words):
        codes = [item.code for item in parts().catalogue.items()]
    if not codes:
        return Turn(texts.not_understood())
    if codes == ["hours"]:
        text, offers = hours.answer(received.sender, words)
        return Turn(text, offers=offers)
    if len(codes) == 1:
        return Turn(_told(codes[0]) or texts.not_understood())
    codes = codes[: texts.CHOICES]
    return Turn(texts.choose([_name_of(code) or code for code in codes]), offers=tuple(codes))


def _told(code: str) -> str | None:
    item = _item_of(code)
    if item is not None:
        return texts.guide(item)
    service = _counter_service_of(code)
    if service is not None:
        return texts.counter_guide(service)
    return MATTERS[code].say() if code in MATTERS else hours.of_choice(code) or booking.of_choice(code)


def _name_of(code: str) -> str | None:
    item = _item_of(code) or _counter_service_of(code)
    if item is not None:
        return item.name
    return MATTERS[code].name if code in MATTERS else hours.name_of(code) or booking.name_of(code)


def _counter_service_of(code: str) -> CounterService | None:
    return next((one for one in parts().catalogue.counter_services() if one.code == code), None)


def _item_of(code: str) -> ServiceItem | None:
    return next((item for item in parts().catalogue.items() if item.code == code), None)


def _progress(received: Received) -> str:
    citizen = citizen_of_openid(received.sender)
    if citizen is None:
        return texts.how_to_bind(bound=False)
    cases = cases_of(citizen.id)
    return texts.progress(cases) if cases else texts.no_cases()


def _bind(received: Received) -> str:
    return texts.how_to_bind(bound=is_bound(received.sender))


def _items(received: Received) -> str:
    return texts.all_items()


def _help(received: Received) -> str:
    return texts.help_text()


def _human(received: Received) -> str:
    return texts.human()


def _thanks(received: Received) -> str:
    return texts.thanks()


def _hello(received: Received) -> str:
    return texts.greeting()


# --- Events -------------------------------------------------------------------------------------------------------


def _silence(received: Received) -> Turn:
    return Turn()


def _on_click(received: Received) -> Turn:
    answer = CLICKS.get(received.text("EventKey"), _help)
    return Turn(answer(received))


def _on_scan(received: Received) -> Turn:
    """Somebody who follows scans one of our codes: its scene says where it leads."""
    return Turn(_of_scene(received) or texts.greeting())


def _of_scene(received: Received) -> str | None:
    scene = received.text("EventKey")
    return CLICKS[scene](received) if scene in CLICKS else scenes.told(scene, received.sender)


def _follow() -> Direct:
    """A follow is noted unless a later one, or a later leave, is known. Made once: it is the same for everybody."""
    table = db.metadata.tables[Follower.__tablename__]
    row = insert(table).values(left_at=None, openid=bindparam("openid"), followed_at=bindparam("followed_at"))
    at = row.excluded.followed_at
    later = and_(table.c.followed_at <= at, or_(table.c.left_at.is_(None), table.c.left_at <= at))
    noted = {"followed_at": at, "left_at": None}
    return Direct(row.on_conflict_do_update(index_elements=["openid"], set_=noted, where=later))


_FOLLOW = _follow()


def _on_subscribe(received: Received) -> Turn:
    """Somebody follows, perhaps by a code: then they are led where its scene says, as followers are."""
    bound = is_bound(received.sender)

    def follow(change: Change) -> None:
        _FOLLOW.run(openid=received.sender, followed_at=_when(received))
        if bound:
            bound_follower_came.send(received.sender, change=change)

    led = _of_scene(received) if received.event == "subscribe_scan" else None
    if led:
        return Turn(led, follow)
    return Turn(texts.welcome(bound=bound), follow)


def _on_unsubscribe(received: Received) -> Turn:
    """Somebody leaves: WeChat no longer reaches them. Their binding stays, since their cases go on."""

    def leave(change: Change) -> None:
        at = _when(received)
        row = insert(Follower).values(openid=received.sender, followed_at=at, left_at=at)
        db.session.execute(row.on_conflict_do_nothing())
        followed_before = and_(Follower.openid == received.sender, Follower.followed_at <= at)
        db.session.execute(update(Follower).where(followed_before, Follower.left_at.is_(None)).values(left_at=at))

    return Turn("", leave)


def _when(received: Received) -> datetime:
    """WeChat's time of an event, by which a follow and a leave that arrive in the wrong order are put right.

    Never ahead of us: a time in the future would make all that follows look old.
    """
    return min(datetime.fromtimestamp(received.created, UTC), clock.protocol_now())


def _on_template_finished(received: Received) -> Turn:
    """What became of a template message; MsgIDs have up to 19 digits."""
    msgid = received.text("MsgID")
    if not msgid:
        return Turn()

    def tell(change: Change) -> None:
        template_finished.send(
            "wechat", msgid=int(msgid), openid=received.sender, status=received.text("Status"), change=change
        )

    return Turn("", tell)


def _listed(received: Received, *tags: str) -> list[dict[str, str]]:
    """What an event of subscription messages lists, each entry with a template's id."""
    held = next((part for tag in tags if isinstance(part := received.fields.get(tag), dict)), {})
    entries = held.get("List")
    found = entries if isinstance(entries, list) else [entries]
    return [one for one in found if isinstance(one, dict) and isinstance(one.get("TemplateId"), str)]


def _on_consent(received: Received) -> Turn:
    """Somebody answered on a page of ours whether we may send them messages by some templates."""
    answers = {
        one["TemplateId"]: one.get("SubscribeStatusString") == "accept"
        for one in _listed(received, "SubscribeMsgPopupEvent")
    }
    return Turn("", lambda change: consents.answered(received.sender, answers, _when(received)))


def _on_consent_withdrawn(received: Received) -> Turn:
    """Somebody switched templates off in WeChat; its document writes the tag in two ways."""
    entries = _listed(received, "SubscribeMsgChangeEvent", "SubscribeMsgPopupEvent")
    ids = {one["TemplateId"] for one in entries if one.get("SubscribeStatusString") == "reject"}
    return Turn("", lambda change: consents.withdrawn(received.sender, ids, _when(received)))


def _on_subscription_sent(received: Received) -> Turn:
    """What became of a subscription message: only its template and, for the first time, its number say which."""
    keys = {one.template_id: one.key for one in consents.subscriptions().values()}
    done = [one for one in _listed(received, "SubscribeMsgSentEvent") if _MSGID.fullmatch(one.get("MsgID") or "")]

    def tell(change: Change) -> None:
        for one in done:
            status = "success" if one.get("ErrorCode") == "0" else f"failed: {one.get('ErrorStatus') or 'unknown'}"
            template_finished.send(
                "wechat",
                msgid=int(one["MsgID"]),
                openid=received.sender,
                status=status[:100],
                template=keys.get(one["TemplateId"], ""),
                change=change,
            )

    return Turn("", tell if done else None)


def _on_wait(received: Received) -> Turn:
    """A menu's scan that waits for words of ours."""
    return Turn(texts.greeting())


# --- Who answers what ---------------------------------------------------------------------------------------------

Answer = Callable[[Received], str]

#: Texts without blanks and punctuation, the first that fits.
WORDS: tuple[tuple[re.Pattern[str], Answer], ...] = (
    (
        re.compile(
            r"进度|我的办件|我的申请|办到哪|查询|查件|到哪一?步|^查$|^jd$|审核.{0,3}(了|过|吗|没)"
            r"|(办好|批|下来|好了|通过)了?[没吗]|物流|没收到|还没(到|好)"
            r"|(快递|邮件|包裹).{0,4}在哪|^我的快递$|(快递|邮件|包裹|证|卡).{0,4}(到哪|单号|没到|寄了|寄出|发了|到了)"
        ),
        _progress,
    ),
    (re.compile(r"^(帮助|帮助中心|help|菜单|功能|使用说明|怎么用|h)?$"), _help),
    (re.compile(r"^(人工|人工客服|人工服务|转人工|客服|电话|热线)$"), _human),
    (re.compile(r"绑定|认证身份|实名"), _bind),
    (re.compile(r"^(办事|全部事项|事项|事项列表|服务|办理|我要办|我要办事|能办什么|可以办什么)$"), _items),
    (re.compile(r"^.{0,6}(谢谢|感谢|多谢|辛苦了|thanks|thankyou).{0,6}$"), _thanks),
    (
        re.compile(r"^([您你]好[啊呀]?|在吗|在么|在不在|[早中晚]上?好|[上中下]午好|hi|hello|嗨|哈喽)$"),
        _hello,
    ),
)

#: What our own texts tell people to send, and most do: found without looking for numbers and secrets in it.
_TOLD_TO_SEND: dict[str, Answer] = {
    word: next(answer for known, answer in WORDS if known.search(word)) for word in ("进度", "人工", "帮助")
}

#: Keys of the menu (menu.py) and scenes of QR codes.
CLICKS: dict[str, Answer] = {"progress": _progress, "help": _help, "bind": _bind, "items": _items, "human": _human}

#: Events by wechatpy's names; all others (views, locations …) are heard in silence.
EVENTS: dict[str, Callable[[Received], Turn]] = {
    "subscribe": _on_subscribe,
    "subscribe_scan": _on_subscribe,
    "unsubscribe": _on_unsubscribe,
    "scan": _on_scan,
    "click": _on_click,
    "scancode_waitmsg": _on_wait,
    "templatesendjobfinish": _on_template_finished,
    "subscribe_msg_popup_event": _on_consent,
    "subscribe_msg_change_event": _on_consent_withdrawn,
    "subscribe_msg_sent_event": _on_subscription_sent,
}

#: The events that change something.
CHANGING = frozenset(
    {
        "subscribe", "subscribe_scan", "unsubscribe", "templatesendjobfinish", "subscribe_msg_popup_event",
        "subscribe_msg_change_event", "subscribe_msg_sent_event",
    }
)  # fmt: skip
