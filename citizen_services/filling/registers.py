"""What the registers say on a citizen's pages: asked, named, shown to be confirmed; and the choosing of an address."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from flask import Response, abort

from citizen_services import clock
from citizen_services.cases.models import Draft
from citizen_services.cases.permit_facts import end_if_told
from citizen_services.cases.queries import register_answers
from citizen_services.catalogue.vocabulary import Material, ServiceItem, Supplier
from citizen_services.database import commit, db
from citizen_services.exchange import clients
from citizen_services.exchange.addresses import SEARCH_LENGTH, Address
from citizen_services.exchange.models import RegisterAnswer
from citizen_services.exchange.operations import TOPICS, gather, keep_address
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.people.models import Citizen
from citizen_services.people.queries import offices
from citizen_services.rules.dates import chinese_date
from citizen_services.rules.errors import RuleError
from citizen_services.rules.text import normalise_text

#: How citizens know the registers.
SOURCES: Mapping[str, str] = {
    "population": "人口信息库",
    "migrants": "浙江省流动人口登记",
    "social_insurance": "社会保险登记",
    "market": "市场主体登记",
    "schools": "学籍登记",
    "addresses": "标准地址库",
    "vehicles": "机动车登记",
    "licences": "驾驶证登记",
    "violations": "交通违法记录",
    "insurance": "交强险信息平台",
    "vehicle_tax": "车船税登记",
    "purchase_tax": "车辆购置税登记",
    "medical": "驾驶人体检信息",
}

ADDRESS = Supplier("addresses", "address")
_ADDRESS_CODE = re.compile(r"[0-9A-Z-]{6,32}")
_AWAY = "标准地址库暂时连不上，请过几分钟再试。您已经填写的内容都在。"

#: Register answers by ``source.topic``: ``{id, outcome, content, at}``.
Answers = dict[str, dict[str, Any]]
#: The address of the picture in the answer of an id.
ImageUrl = Callable[[str], str]


def source_name(source: str) -> str:
    """The register's name as citizens know it."""
    return SOURCES.get(source, "有关部门登记")


def ask(citizen: Citizen, needs: Sequence[Supplier]) -> Answers:
    """What the registers know of the person, by ``source.topic``; asked where no fresh answer is kept. Commits.

    A permit that one of them shows to have ended by a fact ends with it.
    """
    commit()
    known = [need for need in needs if need.key in TOPICS]
    answers = gather(citizen.id, citizen.id_number, citizen.name, known)
    commit()
    if end_if_told(citizen.id, answers):
        commit()
    return answers


def ids_of(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The ids of answers, as drafts and cases keep them."""
    return {key: str(answer["id"]) for key, answer in answers.items()}


def kept(ids: Mapping[str, str]) -> Answers:
    """The answers of those ids, each with its id."""
    return {key: answer | {"id": ids[key]} for key, answer in register_answers(ids).items()}


def own_answer(citizen_id: UUID, answer_id: UUID) -> RegisterAnswer:
    """An answer about this person; 404 for any other."""
    row = db.session.get(RegisterAnswer, answer_id)
    if row is None or row.citizen_id != citizen_id:
        abort(404)
    return row


def image(row: RegisterAnswer) -> Response:
    """The portrait in an answer, for its own person only and kept nowhere."""
    content = row.content if isinstance(row.content, dict) else {}
    try:
        picture = base64.b64decode(str(content.get("portrait", "")), validate=True)
    except binascii.Error:
        picture = b""
    if not picture.startswith(b"\xff\xd8\xff"):
        abort(404)
    answer = Response(picture, mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


# --- Showing ------------------------------------------------------------------------------------------------------


def material_of(item: ServiceItem, code: str | None) -> Material | None:
    """The material of that code, None where no code is named."""
    return item.material(code) if code else None


def answer_for(
    material: Material, answers: Mapping[str, Mapping[str, Any]]
) -> tuple[Supplier, Mapping[str, Any] | None]:
    """The answer that supplies a material: the first that proves it today, else the first found one.

    Where none was found, the first supplier's, whatever it says.
    """
    asked = [(supplier, answers.get(supplier.key)) for supplier in material.suppliers]
    found = [(supplier, answer) for supplier, answer in asked if answer and answer["outcome"] == "found"]
    proves, day = material.proves, clock.today()
    proving = [one for one in found if proves is None or proves(one[1]["content"] or {}, day)]
    return next(iter([*proving, *found, *asked]))


def rows_of(material: Material, answer: Mapping[str, Any], image_url: ImageUrl) -> list[dict[str, Any]]:
    """The lines of an answer that are shown: ``{label, value}``, or ``{label, image}`` for the portrait."""
    content = answer.get("content") or {}
    rows: list[dict[str, Any]] = []
    for label, path in material.shown_as:
        if path.split(".")[0] not in content:
            continue
        value: Any = content
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if path.split(".")[-1] == "portrait":
            rows.append({"label": label, "image": image_url(str(answer["id"])) if value else None})
        else:
            rows.append({"label": label, "value": shown_value(path, value)})
    return rows


def card(material: Material, answers: Mapping[str, Mapping[str, Any]], image_url: ImageUrl) -> dict[str, Any]:
    """What ``register_card`` shows of a material.

    ``found`` tells whether there is something to confirm, ``id`` which answer it is.
    """
    supplier, answer = answer_for(material, answers)
    name = source_name(supplier.source)
    shown: dict[str, Any] = {"title": material.name, "source": f"来自{name}", "icon": "database-search", "found": False}
    shown |= {"key": supplier.key, "id": answer["id"] if answer else ""}
    if answer is None or answer["outcome"] == "unavailable":
        text = f"{name}暂时连不上，还没有查到。您可以先继续，由民警核实；也可以过几分钟刷新这一页再看。"
        return shown | {"text": text}
    if answer["outcome"] != "found":
        return shown | {"as_of": answer["at"], "text": f"{name}里没有查到，您可以先继续，由民警核实。"}
    return shown | {"as_of": answer["at"], "rows": rows_of(material, answer, image_url), "found": True}


#: What it means that a register names no day: somebody still works there, a business goes on, a licence never ends.
_NO_DAY = {"until": "至今", "ended": "至今", "valid_until": "长期"}


def shown_value(path: str, value: Any) -> str:
    """A register's value as it is read; ``path`` is where it stands in the answer."""
    if value is None or value == "":
        return _NO_DAY.get(path.rpartition(".")[2], "没有记载")
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return chinese_date(date.fromisoformat(value))
    return str(value)


# --- Choosing an address ------------------------------------------------------------------------------------------


def search_addresses(words: str) -> tuple[list[Address], str]:
    """The addresses that contain these words, and a sentence where they can't be searched for.

    Ends the transaction under way.
    """
    least, most = SEARCH_LENGTH
    try:
        text = normalise_text(words, limit=most)
    except RuleError:
        text = ""
    if not least <= len(text) <= most:
        return [], f"请输入 {least} 至 {most} 个字再查找，例如小区名，或者路名加门牌号。"
    commit()
    try:
        return list(clients.addresses().search(text).items), ""
    except OutsideError:
        return [], _AWAY


def offer_addresses(lookup: dict[str, Any], words: str, chosen: tuple[str, str] | None) -> None:
    """Fill a search box: what was searched for, what was found, and the (code, text) that was chosen earlier.

    Ends the transaction under way where something is searched for.
    """
    choices = []
    typed = "还是没有的，可以选下面的“自己填写”。" if lookup.get("by_hand") else ""
    if words:
        found, sentence = search_addresses(words)
        choices = [(address.code, address.text, address.community) for address in found]
        if sentence:
            lookup["errors"] = [*lookup["errors"], sentence]
        elif not choices:
            lookup["hint"] = f"没有找到“{words[:30]}”。请换一个说法，例如只写小区名，或者路名加门牌号。{typed}"
    if chosen and chosen[0] not in [choice[0] for choice in choices]:
        choices.insert(0, (*chosen, "之前选择的地址"))
    lookup |= {"query": words, "query_name": "q", "choices": choices}


class NotChosen(Exception):
    """The address can't be used; ``sentence`` says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def choose_address(citizen: Citizen, code: str) -> str:
    """Ask for an address by its code; the id of the answer, which the caller's commit keeps.

    Ends the transaction under way; raises NotChosen.
    """
    if not _ADDRESS_CODE.fullmatch(code):
        raise NotChosen("没有这个地址，请重新查找后从列表里选择。")
    answer = keep_address(citizen.id, code)
    if answer["outcome"] == "unavailable":
        raise NotChosen(_AWAY)
    if answer["outcome"] != "found":
        raise NotChosen("标准地址库里没有这个地址，请重新查找后从列表里选择。")
    if answer["content"]["station"] not in offices():
        raise NotChosen("这个地址不在本区派出所的范围内，请核对；确实在本区的，请拨打服务热线。")
    return str(answer["id"])


def chosen_address(draft: Draft) -> Mapping[str, Any] | None:
    """The address that a draft rests on: the register's words."""
    found = draft.answers.get(ADDRESS.key)
    if found is None:
        return None
    answer = register_answers({ADDRESS.key: found}).get(ADDRESS.key)
    content: Mapping[str, Any] | None = answer["content"] if answer and answer["outcome"] == "found" else None
    return content
