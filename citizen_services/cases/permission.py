"""Who may take which step: the one place where roles, standing, office and relation to the case are judged."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from citizen_services.catalogue.vocabulary import By
from citizen_services.people.actors import Actor
from citizen_services.people.queries import Roles

OFFICE_WORDS = {"own": "负责这个办件的派出所", "service_centre": "行政服务中心", "district": "本区的办事窗口"}


#: Whose standing decides: an officer's own, never a program's (宁波市公安机关警务辅助人员管理规定 arts 5, 6).
DECIDING = frozenset({"officer"})


def refusal(
    by: By,
    actor: Actor,
    *,
    citizen_id: UUID,
    citizen_id_lookup: bytes,
    district: str,
    office: str | None,
    did_before: frozenset[str] = frozenset(),
    apart: str | None = None,
) -> str | None:
    """Why this actor may not take a step that is declared ``by``; None where they may.

    ``did_before`` are the actions that the actor did on this case earlier; ``apart`` says why they must keep away from
    it (recusal.why_apart).
    """
    if actor.kind != by.kind:
        return "这一步不由您办理。"
    if actor.kind == "citizen":
        return None if actor.stands_for == citizen_id else "没有找到这个办件，请核对编号，或从“我的办件”进入。"
    if actor.kind == "system":
        return None
    if not actor.roles & by.roles:
        return "您的岗位没有办理这一步的权限。"
    if actor.standing not in by.standings:
        return "这一步须由民警决定，辅警和文职人员不能办理。"
    if actor.api_key is not None and by.standings == DECIDING:
        return "这一步须由民警本人在工作台上决定，不能由程序办理。"
    if actor.district != district or not _at_office(by.office, actor, office):
        return f"这一步由{OFFICE_WORDS[by.office]}办理。"
    # 宁波市公安机关警务辅助人员管理规定 art 16: nobody works on their own case.
    if actor.id_lookup is not None and actor.id_lookup == citizen_id_lookup:
        return "这是您本人的申请，须由其他同事办理。"
    if apart:
        return apart
    if by.not_who & did_before:
        return "受理和审批不能由同一个人办理，请由其他民警审批。"
    return None


def _at_office(scope: str, actor: Actor, office: str | None) -> bool:
    if scope == "own":
        return actor.office == office
    if scope == "service_centre":
        return actor.office_kind == "service_centre"
    return True


def held_by_another(claimed_by: UUID | None, claimed_until: datetime | None, actor: Actor, now: datetime) -> bool:
    """Whether somebody else holds the case under a lease that still runs (machine time)."""
    return claimed_by is not None and claimed_by != actor.id and claimed_until is not None and claimed_until > now


def role_in(by: By, actor: Actor) -> str | None:
    """The role acted in: one that the step names; of somebody who fills in for an applicant the desk's.

    Of citizens and the system their name for it: ``agent``, what made it act.
    """
    if actor.kind != "staff":
        return actor.name or None
    named = by.roles if by.kind == "staff" else frozenset({"clerk", "community_officer"})
    fitting = actor.roles & named
    # Somebody's own role comes before one that they have for an absent colleague.
    own = fitting - actor.roles.lent.keys() if isinstance(actor.roles, Roles) else fitting
    return min(own or fitting, default=None)


def by_right(actor: Actor, role: str | None) -> dict[str, str]:
    """By what right somebody acted for another: an agent's authorisation, the absent colleague of a deputy, a key."""
    if actor.api_key is not None:
        return {"api_key": str(actor.api_key)}
    if actor.right is not None:
        return {"authorisation": str(actor.right)}
    lent = actor.roles.lent if isinstance(actor.roles, Roles) else {}
    return {"deputy_for": str(lent[role])} if role is not None and role in lent else {}
