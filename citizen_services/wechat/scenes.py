"""Scenes of the account's QR codes: what each says, and what whoever scans it is led to.

A scene is a service's code, ``office-<code>``, ``case-<id without dashes>``, or a key of the conversation. A case's
opens for its own person only, so a photo of somebody's voucher tells nothing. Source: 《生成带参数的二维码》.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from citizen_services.cases.errors import NoSuchCase
from citizen_services.cases.models import Case
from citizen_services.cases.queries import own_case
from citizen_services.catalogue.registry import UnknownItem
from citizen_services.database import db
from citizen_services.exchange.clients import wechat_api
from citizen_services.exchange.wechat_api import LONGEST_SCENE_S
from citizen_services.parts import parts
from citizen_services.people.queries import NoSuchOffice, citizen_of_openid, office
from citizen_services.wechat import texts

_OFFICE, _CASE = "office-", "case-"
DAY_S = 86_400


class UnknownScene(Exception):
    """Nothing of ours goes by that name; the words are for whoever typed it."""


@dataclass(frozen=True)
class Code:
    """A code to be shown: the address in it, and for a scene of the account its ticket and how long it serves."""

    what: str
    url: str
    scene: str | None = None
    ticket: str | None = None
    #: Seconds; None = for good.
    lasts_s: int | None = None

    def described(self) -> dict[str, Any]:
        """As a JSON document."""
        return asdict(self)


def told(scene: str, openid: str) -> str | None:
    """What somebody is told who scanned a scene of an item, an office or a case; None for any other scene."""
    for item in parts().catalogue.items():
        if item.code == scene:
            return texts.guide(item)
    if scene.startswith(_OFFICE):
        try:
            return texts.of_office(office(scene.removeprefix(_OFFICE)))
        except NoSuchOffice:
            return None
    if scene.startswith(_CASE):
        return _of_case(scene.removeprefix(_CASE), openid)
    return None


def _of_case(id_: str, openid: str) -> str | None:
    try:
        case_id = UUID(hex=id_)
    except ValueError:
        return None
    citizen = citizen_of_openid(openid)
    if citizen is None:
        return texts.how_to_bind(bound=False)
    try:
        return texts.one_case(own_case(citizen.id, case_id))
    except NoSuchCase:
        return texts.no_such_case()


def code_for(what: str, keys: frozenset[str], days: int | None = None) -> Code:
    """The code for ``item:CODE``, ``office:CODE``, ``case:NUMBER``, a key, or ``page:/h5/…`` (a link, no scene).

    ``days`` (1 to 30) makes a scene's code temporary; a case's always is, since WeChat keeps at most 100,000 for good.
    Raises UnknownScene, and what the exchange room raises.
    """
    kind, _, name = what.partition(":")
    if kind == "page":
        if not name.startswith(("/h5/", "/d/")):
            raise UnknownScene("a page is one of the citizens': page:/h5/…")
        return Code(what, parts().settings.public_base_url + name)
    if kind == "case":
        days = days or LONGEST_SCENE_S // DAY_S
    scene = _scene(kind, name, what, keys)
    made = wechat_api().create_scene(scene, days * DAY_S if days else None)
    return Code(what, made.url, scene, made.ticket, made.lasts_s)


def _scene(kind: str, name: str, what: str, keys: frozenset[str]) -> str:
    if what in keys:
        return what
    try:
        if kind == "item":
            return parts().catalogue.item(name).code
        if kind == "office":
            return _OFFICE + office(name).code
    except (UnknownItem, NoSuchOffice):
        raise UnknownScene(f"there is no {kind} {name}") from None
    if kind == "case":
        case_id = db.session.scalar(select(Case.id).where(Case.number == name))
        if case_id is None:
            raise UnknownScene(f"there is no case {name}")
        return _CASE + case_id.hex
    raise UnknownScene(f"say item:CODE, office:CODE, case:NUMBER, page:/h5/… or one of {', '.join(sorted(keys))}")
