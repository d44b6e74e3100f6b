"""What can go wrong with who somebody is, each with the sentence that the person reads."""

from __future__ import annotations

import math


class PeopleError(Exception):
    """Base: a login or a binding that was not done."""

    sentence = "这一步没有办成，请刷新页面后再试。"

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)
        self.sentence = sentence or self.sentence


class TooMany(PeopleError):
    """Tried too often; ``after_s`` is how many seconds to wait."""

    def __init__(self, after_s: float) -> None:
        self.after_s = max(1, math.ceil(after_s))
        super().__init__(f"操作太频繁，请{_waiting(self.after_s)}后再试。")


class WrongLogin(PeopleError):
    """Login and password don't belong together, or the person left: never told apart."""

    sentence = "登录名或密码不对，请核对后重新填写。"


class WrongCode(PeopleError):
    """The code is not the one that was sent last to that phone, was used, or is too old: never told apart."""

    sentence = "验证码不对或已过期，请核对最近一条短信，或重新获取验证码。"


class NoSuchDeputy(PeopleError):
    """These two can't stand in for one another, or there is nothing to end."""

    sentence = "代理人和休假的人须是本单位的两名在岗人员，代理人不能是您自己。"


class NotTheHead(PeopleError):
    """The register does not know the person as who answers for an organisation of that code that stands today."""

    sentence = (
        "市场主体登记里没有查到：须是现在存续的单位，并且您是它的法定代表人或经营者。"
        "不是的，请法定代表人登录自己的账号绑定单位，再把您加为经办人。"
    )


class NoSuchOrganisation(PeopleError):
    """There is no such organisation, or the person may not act for it today: the two are not told apart."""

    sentence = "没有找到这个单位，或者您现在不是它的经办人。"


class NotNamedFor(PeopleError):
    """Somebody acts for an organisation in another matter than those that they were named for."""

    sentence = "您没有替这个单位办理这一项的授权，请单位负责人在自己的账号里加上。"


class AlreadyReported(PeopleError):
    """The same worker, day and kind were reported before."""

    sentence = "这名员工的这一天已经报告过，不用再报。"


class NoSuchAgent(PeopleError):
    """Nobody of age is bound under that name and number, or it is the person: never told apart."""

    sentence = "没有找到可以委托的人：须年满18周岁、已经在这里绑定本人，姓名和身份证号码都要一致，不能是您自己。"


class NoSuchAuthorisation(PeopleError):
    """There is no such authorisation, or not of this person, or it has ended."""

    sentence = "没有找到这份委托，或者它已经结束。"


class NotYourPhone(PeopleError):
    """The tail of the number belongs to nobody who proved this phone."""

    sentence = "没有对上，请核对身份证号码的最后六位。"


class WrongCounterCode(PeopleError):
    """No binding waits at the counters under that code for that card: never told which of both is wrong."""

    sentence = "核验码与身份证号码对不上，或核验码已过期。请核对后重新录入，或请申请人在手机上重新生成。"


class OwnBinding(PeopleError):
    """A clerk is about to prove themselves."""

    sentence = "不能为本人核验，须由其他同事办理。"


class CannotBind(PeopleError):
    """The register knows nobody of that number and name, or says that the person can't act."""

    sentence = "人口登记信息与所填信息不一致，请带身份证到任一办事窗口核实。"


class GuardianNeeded(CannotBind):
    """The person is under sixteen, and no guardian has agreed."""

    sentence = "未满16周岁，须先由监护人在自己的账号里确认；监护人可以带身份证到窗口先绑定本人。"


class WrongGuardianCode(PeopleError):
    """No child waits for a guardian under that code and number: never told which of both is wrong."""

    sentence = "确认码与孩子的身份证号码对不上，或确认码已过期。请核对孩子手机上显示的6位数字。"


class NoGuardian(PeopleError):
    """Not of age, or the child: nobody's guardian."""

    sentence = "须由已满18周岁的监护人用本人的账号确认。"


class GuardianNotShown(PeopleError):
    """The population register doesn't show somebody as a child's guardian, or not a child of that name."""

    sentence = (
        "人口信息库没有显示您是这个孩子的监护人，或者姓名与号码不一致。请核对；也可以在孩子的手机上绑定，由您确认，"
        "或带户口簿、出生医学证明到任一窗口。"
    )


class FaceNotUsable(PeopleError):
    """The file is no photo that can be compared."""

    sentence = "这个文件打不开，请重新拍一张正面照片。"


class BindingOver(PeopleError):
    """The binding was finished, changed or given up meanwhile."""

    sentence = "这次核验已经结束，请刷新页面查看结果。"


def _waiting(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds}秒"
    if seconds < 3600:
        return f"{math.ceil(seconds / 60)}分钟"
    return f"{math.ceil(seconds / 3600)}小时"
