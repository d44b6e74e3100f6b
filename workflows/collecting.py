"""What whoever collects a permit at the counter brings: by their choice, where a parcel came back."""

from __future__ import annotations

from citizen_services.cases.situation import Situation
from citizen_services.catalogue import Bring
from citizen_services.rules.identity import age_on
from workflows import permit_grounds, posting
from workflows.telling import what_to_bring


def _besides(situation: Situation) -> tuple[str, ...]:
    """What one person brings besides: a child comes with the guardian; and what staff named."""
    child = age_on(situation.citizen.birth_date, situation.today) < permit_grounds.OWN_AGE
    return (("监护人居民身份证原件", "户口簿或出生医学证明") if child else ()) + posting.also_named(situation)


def _a_permit(code: str, what: str, *more: str) -> Bring:
    return what_to_bring(
        code,
        what,
        "行政服务中心公安窗口",
        ("居民身份证原件，没有的带临时居民身份证或户口簿", *more),
        needed=posting.comes,
        differs=_besides,
    )


FIRST_PERMIT = _a_permit("residence_permit_first", "领取居住证")
REPLACED_CARD = _a_permit("residence_permit_replace", "领取补领的居住证")
RENEWED_CARD = _a_permit("residence_permit_renew", "领取换领的居住证", "要交回的旧居住证")
