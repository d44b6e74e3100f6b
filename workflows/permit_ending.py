"""A permit that ends by a fact while a card of it is made, on its way or lost: how such a case ends, in writing.

By the system where a register told the fact, by an officer where it is known otherwise. Nothing else ends a card's
making: the permit, not the application, is what came to its end.
"""

from __future__ import annotations

from datetime import date

from marshmallow import Schema, fields, validate

from citizen_services.cases import decisions
from citizen_services.cases.effects import call_back, issue
from citizen_services.cases.errors import InvalidInput
from citizen_services.cases.situation import Situation
from citizen_services.catalogue import (
    SYSTEM,
    By,
    ChoiceField,
    DateField,
    Doc,
    Effect,
    ServiceItem,
    State,
    Step,
)
from citizen_services.database import Change
from citizen_services.registers.models import WHY_ENDED
from citizen_services.registers.operations import end_permit
from citizen_services.registers.queries import permits_of
from citizen_services.rules.dates import chinese_full_day
from workflows.earlier import before
from workflows.sources import migrant_regulation, permit_regulation
from workflows.telling import turn

#: Where a card is on its way from the decision to its person.
PLACES = ("approved", "made", "posted", "returning", "returned", "checking", "lost")
#: The actions by system and officer: where its person goes on reading, and where they died.
ACTIONS = ("permit_ended", "holder_died", "end_for_fact", "end_for_death")
DEATH = "death"
_OFFICER = By.staff("approver", officer_only=True)
_GROUNDS = {
    "hukou_moved": f"{permit_regulation('第二条')}、{migrant_regulation('第二条')}",
    "new_permit": f"{permit_regulation('第十条')}、{migrant_regulation('第十九条')}",
    DEATH: f"{permit_regulation('第二条')}",
}


class FactSchema(Schema):
    """The fact as a register told it."""

    fact = fields.String(required=True, validate=validate.OneOf(tuple(_GROUNDS)))
    day = fields.Date(required=True)


class _KnownSchema(Schema):
    day = DateField("哪一天", hint="事实发生的日期")
    how = fields.String(
        required=True,
        validate=validate.Length(4, 200, error="请用 4 到 200 个字写明怎样核实的"),
        error_messages={"required": "请写明怎样核实的"},
        metadata={"label": "怎样核实的", "hint": "例如：已查看户口簿迁入页", "kind": "textarea", "maxlength": 200},
    )


class FactByHandSchema(_KnownSchema):
    """The fact as an officer knows it otherwise."""

    class Meta:
        """The reason is asked first."""

        fields = ("fact", "day", "how")

    fact = ChoiceField("居住证为什么终止", tuple((fact, why, "") for fact, why in WHY_ENDED.items()))


class DeathByHandSchema(_KnownSchema):
    """A death of which the registers do not know yet."""


def _end(situation: Situation, change: Change) -> None:
    """End the permit with the case, where it has not ended before; what the register keeps of it is what is said."""
    day = date.fromisoformat(situation.given["day"])
    if day > situation.today:
        raise InvalidInput({"day": ["日期不能晚于今天"]})
    fact = situation.given.get("fact", DEATH)
    newest = next(iter(permits_of(situation.citizen.id)), None)
    if newest is not None and newest.state == "ended" and newest.ended_reason and newest.ended_on:
        fact, day = newest.ended_reason, newest.ended_on
    elif newest is not None:
        end_permit(change, newest, reason=fact, day=day, told=True)
    situation.values |= {
        "ended_on": chinese_full_day(day),
        "why_ended": WHY_ENDED.get(fact, "持证人死亡"),
        "law": _GROUNDS[fact],
    }


_END = Effect("end_permit", _end, gives=("ended_on", "why_ended", "law"))

ENDED = Doc(
    "ended",
    "终止办理决定书",
    (
        "{name}：您申请的“{item}”（办件编号{number}）终止办理，不再制作和寄送居住证卡片。",
        "理由：您的居住证已于{ended_on}终止：{why_ended}。",
        "依据：{law}。",
        "已经寄出的卡片由我们向 EMS 追回，不需要您办理；已经收到的不能再使用，请交回行政服务中心，可以邮寄，不用到场。",
        decisions.REMEDIES,
        "{issuer}　{at}",
    ),
    served=True,
)
ENDED_BY_DEATH = Doc(
    "ended_by_death",
    "终止办理决定书",
    (
        "{name}申请的“{item}”（办件编号{number}）终止办理，不再制作和寄送居住证卡片。",
        "理由：因持证人死亡，居住证已于{ended_on}终止。",
        "依据：{law}。",
        "近亲属对本决定不服的，{remedies}",
        "{issuer}　{at}",
    ),
)
DOCUMENTS = (ENDED, ENDED_BY_DEATH)
STATE = State(
    "ended", "已终止", "居住证已经终止，不再制作和寄送卡片，理由和救济途径写在决定书里。", final=True, again=False
)  # fmt: skip


def _remedies(situation: Situation, change: Change) -> None:
    words = decisions.REMEDIES.removeprefix("不服本决定的，")
    situation.values["remedies"] = words.format(
        reconsideration=situation.values["reconsideration"], court=situation.values["court"]
    )


_OF_RELATIVES = Effect("remedies_of_relatives", _remedies, gives=("remedies",))
_TOLD = turn(
    "permit_ended", "居住证已终止，办件终止",
    text="您的居住证已于{ended_on}终止：{why_ended}。您申请的{item}（{number}）随之终止，不再制作和寄送卡片，"
    "理由和救济途径见决定书；情况不符的，请联系居住地派出所核实。",
    hint="居住证已终止，理由见决定书",
    sms="您的居住证已终止，{item}随之终止办理，编号{number}。理由和救济途径请在微信公众号“我的办件”中查看决定书。",
    must_be_known=True,
)  # fmt: skip


def steps() -> tuple[Step, ...]:
    """How a card's making ends with its permit, from each of ``PLACES``."""
    told = (_END, call_back("居住证新证"), decisions.name_remedies, issue(ENDED))
    death = (_END, call_back("居住证新证"), decisions.name_remedies, _OF_RELATIVES, issue(ENDED_BY_DEATH))
    return tuple(
        step
        for place in PLACES
        for step in (
            Step(
                place, "permit_ended", "ended", SYSTEM, "居住证已终止", "居住证已终止，办件随之终止",
                input=FactSchema(), then=told, tell=_TOLD,
            ),
            Step(
                place, "holder_died", "ended", SYSTEM, "持证人死亡", "居住证已终止，办件随之终止",
                input=FactSchema(), then=death,
            ),
            Step(
                place, "end_for_fact", "ended", _OFFICER, "居住证已终止，终止办理", "居住证已终止，办件随之终止",
                input=FactByHandSchema(), then=told, tell=_TOLD, danger=True, aside=True,
            ),
            Step(
                place, "end_for_death", "ended", _OFFICER, "持证人死亡，终止办理", "居住证已终止，办件随之终止",
                input=DeathByHandSchema(), then=death, danger=True, aside=True,
            ),
        )
    )  # fmt: skip


def without(item: ServiceItem, **changes: object) -> ServiceItem:
    """Version 1 of a service that makes cards: it knew no such ending."""
    return before(
        item,
        1,
        steps={(place, action) for place in PLACES for action in ACTIONS},
        states={STATE.code},
        documents={document.kind for document in DOCUMENTS},
        **changes,
    )
