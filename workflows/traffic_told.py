"""What people read of a vehicle or licence item: its documents, its states before posting, and its notices."""

from __future__ import annotations

from citizen_services.cases import decisions
from citizen_services.catalogue import Doc, State
from workflows.telling import turn

VOUCHER = Doc(
    "voucher",
    "受理凭证",
    (
        "{name}：您申请的“{item}”（办件编号{number}）于{at}由交管平台受理，流水号{serial}。",
        "已收到：{taken}。{shared}",
        "承诺办结日期：{due}前。办理进度可在微信公众号“我的办件”中查看，服务热线见办事指南。",
        "{office}",
    ),
)
REFUSED = Doc(
    "refused",
    "不予办理决定书",
    (
        "{name}：您申请的“{item}”（办件编号{number}），经审查不予办理。",
        "理由：{reasons}",
        decisions.REMEDIES,
        "{office}　{at}",
    ),
    served=True,
)
DONE = Doc(
    "done",
    "办理结果告知书",
    (
        "{name}：您申请的“{item}”（办件编号{number}）已经办理完毕，结果记载在交管平台，流水号{serial}。",
        "电子驾驶证、行驶证和检验标志可在“交管12123”查看，与纸质证件具有同等效力。",
        "{office}　{at}",
    ),
)

SUBMITTED = State("submitted", "办理中", "申请正在转交交管平台，受理后告诉您，不需要您到场。", clock="first_answer")
ACCEPTED = State("accepted", "已受理", "交管部门正在办理，不需要您到场。", clock="result")
ON_SITE = State(
    "on_site", "转现场办理", "交管部门要求现场办理，原因见下面。请预约时间，或直接到车管所；已缴的费用有效。",
    clock="result",
)  # fmt: skip
REFUSED_STATE = State("refused", "不予办理", "没有批准，理由和救济途径写在决定书里。", final=True)
ENDINGS = (
    State("lapsed", "视为撤回", "到期没有缴费，已视为撤回，可以重新申请。", final=True),
    State("withdrawn", "已撤回", "您已撤回申请，需要时可以重新申请。", final=True),
)

TELL_SUBMITTED = turn(
    "traffic_submitted", "申请已提交",
    text="您申请的{item}（{number}）已提交，受理后告诉您。不需要您到场。",
    hint="已收到申请，受理后告诉您",
    sms="您申请的{item}已提交，编号{number}，受理后告诉您，不需要您到场。进度请在微信公众号“我的办件”中查看。",
)  # fmt: skip
TELL_ACCEPTED = turn(
    "accepted", "申请已受理",
    text="您申请的{item}（{number}）已受理，我们承诺{due}前办结。受理凭证可在办件页查看。",
    hint="承诺{due}前办结，凭证可在线看",
    sms="您申请的{item}已受理，编号{number}，承诺{due}前办结。受理凭证请在微信公众号“我的办件”中查看。",
)  # fmt: skip
TELL_ON_SITE = turn(
    "traffic_on_site", "请到现场办理",
    text="您申请的{item}（{number}）须到现场办理：{platform_reason}。已缴的费用有效，请在办事指南里预约时间，或直接到车管所。",
    hint="须到现场办理，原因点开看",
    sms="您申请的{item}须到现场办理，编号{number}，已缴的费用有效。原因和预约请在微信公众号“我的办件”中查看。",
    must_be_known=True,
)  # fmt: skip
TELL_REFUSED = turn(
    "traffic_refused", "不予办理",
    text="您申请的{item}（{number}）不予办理，理由和救济途径见决定书。",
    hint="理由和救济途径见决定书",
    sms="您申请的{item}不予办理，编号{number}。理由和救济途径请在微信公众号“我的办件”中查看决定书。",
    must_be_known=True,
)  # fmt: skip
TELL_APPROVED = turn(
    "traffic_approved", "已批准，正在制证",
    text="您申请的{item}（{number}）已批准，车管所正在制作，制好后由 EMS 寄出。",
    hint="已批准，制好后由EMS寄出",
    sms="您申请的{item}已批准，编号{number}，制好后由EMS寄到您填写的地址。",
)  # fmt: skip
TELL_MADE = turn(
    "traffic_made", "已制好",
    text="您申请的{item}（{number}）已制好，正在交给 EMS。",
    hint="已制好，正在交给EMS",
    sms="您申请的{item}已制好，编号{number}，正在交给EMS寄送，请保持电话畅通。",
)  # fmt: skip
TELL_POSTED = turn(
    "traffic_posted", "已寄出",
    text="您申请的{item}（{number}）已由 EMS 寄出，邮件号 {tracking}。",
    hint="邮件号{tracking}",
    sms="您申请的{item}已由EMS寄出，邮件号{tracking}，请留意快递员电话。",
)  # fmt: skip
TELL_COMPLETED = turn(
    "traffic_completed", "办件已办结",
    text="您申请的{item}（{number}）已办结，全程跑动{visits}次。办得怎样，可在办件页评价。",
    hint="已办结，全程跑动{visits}次",
    sms="您申请的{item}已办结，编号{number}，本次办理已完成。",
)  # fmt: skip
