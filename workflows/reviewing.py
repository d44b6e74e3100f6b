"""From the sending to the decision: the same states and steps for every service that a station reviews.

A clerk accepts, asks for corrections or declines; another officer decides. Who applied may withdraw until then.
"""

from __future__ import annotations

from citizen_services.cases import corrections, decisions, papers
from citizen_services.cases.effects import issue
from citizen_services.catalogue import APPLICANT, SYSTEM, By, Doc, Effect, Guard, Notice, State, Step
from workflows.telling import turn

CLERK = By.staff("clerk")
CLERK_OFFICER = By.staff("clerk", officer_only=True)
CLERK_OR_APPROVER = By.staff("clerk", "approver")
APPROVER = By.staff("approver", officer_only=True, not_who=("accept",))

_FOLLOW = "办理进度可在微信公众号“我的办件”中查看，服务热线见办事指南。"

DECLINED = Doc(
    "declined",
    "不予受理决定书",
    (
        "{name}：您于本次申请（办件编号{number}）提出的“{item}”，经审查不予受理。",
        "理由：{reasons}",
        "依据：{ground}。",
        decisions.REMEDIES,
        "{office}　{at}",
    ),
    served=True,
)
CORRECTION = Doc(
    "correction",
    "补正告知书",
    (
        "{name}：您申请的“{item}”（办件编号{number}）有{count}项内容需要补正：",
        "{listed}",
        "请在{until}前补正。补正期间不计入办理时限；逾期不补正的，视为撤回申请，您可以随时重新申请。",
        _FOLLOW,
        "{office}　{at}",
    ),
)
LAPSED = Doc(
    "lapsed",
    "视为撤回告知书",
    (
        "{name}：您申请的“{item}”（办件编号{number}）在告知的期限内没有补正，依照《浙江省保障“最多跑一次”改革规定》第十一条，"
        "视为撤回申请。您可以随时重新申请，已填写的内容不用再跑一次。",
        decisions.REMEDIES,
        "{office}　{at}",
    ),
    served=True,
)

SUBMITTED = State("submitted", "待受理", "派出所将在1个工作日内答复，不需要您到场。", desk="own", clock="first_answer")
CORRECTING = State("correcting", "待补正", "请按提示补正，补正期间不计入办理时限，不需要您到场。")
ACCEPTED = State("accepted", "已受理", "民警正在审批，不需要您到场。", desk="own", clock="result")
#: How it may end without the result.
ENDINGS = (
    State("declined", "不予受理", "没有受理，理由和救济途径写在决定书里。", final=True),
    State("lapsed", "视为撤回", "到期没有补正，已视为撤回，可以重新申请。", final=True),
    State("withdrawn", "已撤回", "您已撤回申请，需要时可以重新申请。", final=True),
)


def steps(
    voucher: Doc, *decide: Step, guard: tuple[Guard, ...] = (), then: tuple[Effect, ...] = ()
) -> tuple[Step, ...]:
    """Every step up to the decision and ``decide``, the item's own ones from ``accepted``.

    ``voucher`` is issued at the acceptance; ``guard`` and ``then`` are of the sending. The item names the documents
    CORRECTION, DECLINED, LAPSED as its own.
    """
    return (
        Step(
            None, "submit", "submitted", APPLICANT, "确认提交", "已提交申请", guard=guard, then=then,
            tell=turn(
                "submitted", "申请已提交",
                text="您申请的{item}（{number}）已提交，{office}将在1个工作日内答复。不需要您到场。",
                hint="已收到申请，1个工作日内答复您",
                sms="您申请的{item}已提交，编号{number}，1个工作日内答复，不需要您到场。进度请在微信公众号“我的办件”中查看。",
            ),
        ),
        Step("submitted", "claim", "submitted", CLERK, "领取", ""),
        Step("submitted", "release", "submitted", CLERK, "放回", ""),
        Step("submitted", "withdraw", "withdrawn", APPLICANT, "撤回申请", "已撤回申请", danger=True),
        Step(
            "submitted", "request_correction", "correcting", CLERK, "要求补正", "需要补正",
            input=corrections.RequestSchema(), then=(corrections.ask, issue(CORRECTION)),
            tell=turn(
                "correction", "申请需要补正",
                text="您申请的{item}（{number}）有{count}项内容需要补正，请在{until}前补正，逾期视为撤回。",
                hint="有{count}项要补正，{until}前办",
                sms="您申请的{item}有{count}项内容需要补正，编号{number}，请于{until}前在微信公众号“我的办件”中补正，逾期视为撤回。",
                must_be_known=True,
            ),
        ),
        Step(
            "correcting", "answer_correction", "submitted", APPLICANT, "提交补正", "已补正",
            input=corrections.AnswerSchema(), then=(corrections.answer,),
            tell=turn(
                "corrected", "补正已收到",
                text="您申请的{item}（{number}）的补正已收到，{office}将在1个工作日内答复。",
                hint="补正已收到，1个工作日内答复",
                sms="您申请的{item}的补正已收到，编号{number}，1个工作日内答复，不需要您到场。",
            ),
        ),
        Step(
            "correcting", "lapse", "lapsed", SYSTEM, "到期未补正", "到期未补正，视为撤回",
            then=(corrections.lapse, decisions.name_remedies, issue(LAPSED)),
            tell=turn(
                "lapsed", "申请视为撤回",
                text="您申请的{item}（{number}）到期没有补正，已视为撤回，可以随时重新申请。",
                hint="到期未补正，已视为撤回",
                sms="您申请的{item}到期没有补正，编号{number}，已视为撤回。您可以随时在微信公众号重新申请。",
            ),
        ),
        corrections.note_call,
        Step(
            "correcting", "withdraw", "withdrawn", APPLICANT, "撤回申请", "已撤回申请",
            then=(corrections.drop,), danger=True,
        ),
        Step(
            "submitted", "decline", "declined", CLERK_OFFICER, "不予受理", "不予受理",
            input=decisions.ReasonsSchema(), then=(decisions.give_reasons, issue(DECLINED)), danger=True,
            tell=turn(
                "declined", "申请不予受理",
                text="您申请的{item}（{number}）不予受理，理由和救济途径见决定书。",
                hint="理由和救济途径见决定书",
                sms="您申请的{item}不予受理，编号{number}。理由和救济途径请在微信公众号“我的办件”中查看决定书。",
                must_be_known=True,
            ),
        ),
        Step(
            "submitted", "hand_over", "submitted", CLERK, "移交", "已移交到管辖派出所",
            input=decisions.HandOverSchema(), then=(decisions.hand_over,),
        ),
        Step(
            "submitted", "accept", "accepted", CLERK, "受理", "已受理",
            then=(papers.name_taken, issue(voucher)),
            tell=turn(
                "accepted", "申请已受理",
                text="您申请的{item}（{number}）已受理，我们承诺{due}前办结。受理凭证可在办件页查看。",
                hint="承诺{due}前办结，凭证可在线看",
                sms="您申请的{item}已受理，编号{number}，承诺{due}前办结。受理凭证请在微信公众号“我的办件”中查看。",
            ),
        ),
        Step("accepted", "withdraw", "withdrawn", APPLICANT, "撤回申请", "已撤回申请", danger=True),
        *decide,
        Step(
            "accepted", "send_back", "accepted", APPROVER, "退回复核", "", input=decisions.NoteSchema(),
            guard=(decisions.not_sent_back,), then=(decisions.send_back,),
        ),
        Step(
            "accepted", "resubmit", "accepted", CLERK, "已复核，再送审批", "",
            guard=(decisions.sent_back,), then=(decisions.resubmit,),
        ),
        Step("accepted", "claim", "accepted", CLERK_OR_APPROVER, "领取", ""),
        Step("accepted", "release", "accepted", CLERK_OR_APPROVER, "放回", ""),
    )  # fmt: skip


def refusing(label: str, document: Doc, tell: Notice) -> Step:
    """The officer's refusal: in writing, with reasons, ground and remedies."""
    return Step(
        "accepted", "refuse", "refused", APPROVER, label, label,
        input=decisions.ReasonsSchema(), then=(decisions.give_reasons, issue(document)), danger=True, tell=tell,
    )  # fmt: skip
