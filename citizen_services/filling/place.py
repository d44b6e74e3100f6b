"""A place at which applications are filled in: who acts there, where its pages are, how the applicant is spoken of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from citizen_services.cases.models import Draft
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.people.actors import Actor
from citizen_services.people.models import Citizen


@dataclass(frozen=True)
class Place:
    """One door's way of filling in an application.

    ``draft``, ``picture``, ``uploads``, ``photo`` and ``autosave`` are endpoints that take ``draft_id``; the names of
    its templates begin with ``templates``: ``h5/draft_`` and ``group.html``, ``papers.html``, ``check.html``.
    """

    draft: str
    picture: str
    uploads: str
    photo: str
    autosave: str
    templates: str
    #: How the pages call the applicant: 您, 申请人.
    you: str
    #: Who acts: the applicant, or somebody for them.
    actor: Callable[[], Actor]
    #: The door that is noted on what is sent here: ``wechat``, ``web``, ``counter``.
    door: Callable[[], str]
    #: Where one goes on: where the item is begun, the case right after sending and later, after putting it off.
    guide: Callable[[Citizen, ServiceItem], str]
    sent: Callable[[str], str]
    case: Callable[[str], str]
    later: Callable[[Citizen], str]
    #: What the page of one group and the check page show besides: ``{name: value}`` for their templates.
    more: Callable[[Draft], Mapping[str, Any]] = field(default=lambda draft: {})
    #: What is ticked before sending, in order: the input's name and the sentence where it is not.
    boxes: tuple[tuple[str, str], ...] = (("commitment", "请勾选承诺后再提交"),)
    #: Whether what the applicant brought and answered in earlier applications is offered again.
    reuses: bool = True
    #: What is noted with the sending, besides the application itself.
    noted: Mapping[str, str] = field(default_factory=dict)


def id_of(text: str) -> UUID | None:
    """The id that a form carries; None where it carries none."""
    try:
        return UUID(text)
    except ValueError:
        return None
