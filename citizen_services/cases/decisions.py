"""Decisions against what was asked for, and moving a case between desks: shared by declarations of every service.

Every refusal is a written document: reasons, legal ground, and how to complain (行政许可法 art 38, 行政复议法 art 20).
"""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from citizen_services.cases.errors import InvalidInput
from citizen_services.cases.situation import Situation
from citizen_services.catalogue.vocabulary import Effect, Guard
from citizen_services.database import Change
from citizen_services.parts import parts
from citizen_services.people.queries import offices

#: How every refusing document ends: reconsideration within 60 days, the court within six months.
REMEDIES = (
    "不服本决定的，可以自收到之日起60日内向{reconsideration}申请行政复议，"
    "也可以自收到之日起六个月内向{court}提起行政诉讼。"
)


class ReasonsSchema(Schema):
    """Why something is declined or refused, in words that the person reads, and on which legal ground."""

    reasons = fields.String(
        required=True,
        validate=validate.Length(4, 500, error="请用 4 到 500 个字写明理由"),
        error_messages={"required": "请写明理由"},
        metadata={
            "label": "理由",
            "hint": "申请人会读到这段文字，请写明事实和不符合的条件",
            "kind": "textarea",
            "maxlength": 500,
        },
    )
    ground = fields.String(
        required=True,
        validate=validate.Length(4, 120, error="请写明法律依据的名称和条款"),
        error_messages={"required": "请写明法律依据"},
        metadata={"label": "法律依据", "hint": "例如《居住证暂行条例》第二条", "kind": "text", "maxlength": 120},
    )


class NoteSchema(Schema):
    """A note to colleagues: what they should look at again."""

    note = fields.String(
        required=True,
        validate=validate.Length(2, 300, error="请用 2 到 300 个字写明要复核的内容"),
        error_messages={"required": "请写明要复核的内容"},
        metadata={"label": "要复核的内容", "hint": "只有同事看得到", "kind": "textarea", "maxlength": 300},
    )


class HandOverSchema(Schema):
    """The station that a misrouted case belongs to."""

    office = fields.String(
        required=True,
        error_messages={"required": "请选择接收的派出所"},
        metadata={"label": "接收的派出所", "hint": "按居住地址确定管辖；时限继续计算", "kind": "office"},
    )


def _name_remedies(situation: Situation, change: Change) -> None:
    settings = parts().settings
    situation.values |= {"reconsideration": settings.reconsideration_organ, "court": settings.court}


#: Put the organs that a person may complain to within reach of the document that follows.
name_remedies = Effect("name_remedies", _name_remedies, gives=("reconsideration", "court"))


def _give_reasons(situation: Situation, change: Change) -> None:
    _name_remedies(situation, change)
    situation.values |= {"reasons": situation.given["reasons"], "ground": situation.given["ground"]}


#: Put reasons, ground and remedies within reach of the document that follows.
give_reasons = Effect("give_reasons", _give_reasons, gives=("reasons", "ground", "reconsideration", "court"))


def _send_back(situation: Situation, change: Change) -> None:
    situation.results["sent_back"] = situation.given["note"]


#: The approver wants the clerk to look at something again before deciding.
send_back = Effect("send_back", _send_back)


def _resubmit(situation: Situation, change: Change) -> None:
    situation.results.pop("sent_back", None)


#: The clerk has looked again.
resubmit = Effect("resubmit", _resubmit)

#: Nothing is decided while the clerk has been asked to look again.
not_sent_back = Guard(
    "not_sent_back", "这个办件已退回受理人复核，复核后才能审批。", lambda s: "sent_back" not in s.results
)
sent_back = Guard("sent_back", "这个办件没有被退回复核。", lambda s: "sent_back" in s.results)


def _hand_over(situation: Situation, change: Change) -> None:
    to = offices().get(situation.given["office"])
    if to is None or to.kind != "station" or to.district != situation.district:
        raise InvalidInput({"office": ["请选择本区的派出所"]})
    if to.code == situation.office:
        raise InvalidInput({"office": ["这个办件已经在这个派出所"]})
    situation.office = to.code
    situation.columns["office_code"] = to.code
    situation.values["office"] = to.name


#: A misrouted case goes to the station that it belongs to; its clocks run on.
hand_over = Effect("hand_over", _hand_over)
