"""The pages of a draft: one a group, and the check page; what they show besides what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from uuid import UUID

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from citizen_services import clock
from citizen_services.cases import drafts, papers
from citizen_services.cases.clocks import calendar
from citizen_services.cases.models import Draft
from citizen_services.catalogue.vocabulary import Group, Material, ServiceItem
from citizen_services.fees import postage, tariff
from citizen_services.filling import fields, registers
from citizen_services.filling.defaults import defaults_of
from citizen_services.filling.photos import cards, earlier_of, paper_rows
from citizen_services.filling.place import Place
from citizen_services.materials import queries
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.rules.dates import chinese_day, chinese_moment
from citizen_services.rules.masking import mask_id, mask_name, mask_phone
from citizen_services.rules.periods import deadline
from citizen_services.security import new_token

#: The addresses of the check page and of the page of papers.
CHECK, PAPERS = "check", "papers"

#: In place of a confirmation that nobody was asked for.
_NOT_TOLD: Mapping[str, Any] = {"name": "", "label": "登记信息", "value": "没有查到，由民警核实"}


@dataclass
class Filled:
    """One person's draft at one request, and what its page has to show besides what is stored."""

    place: Place
    citizen: Citizen
    draft: Draft
    item: ServiceItem
    from_check: bool = False
    #: What was typed and is not stored; the sentences of its fields.
    typed: Mapping[str, Any] | None = None
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: A sentence on top: what happened to the other page.
    moved: str = ""
    #: What was searched for among the addresses.
    words: str = ""

    @classmethod
    def of(cls, place: Place, citizen: Citizen, draft: Draft) -> Filled:
        """A draft that was just read, at a place."""
        return cls(place, citizen, draft, parts().catalogue.item(draft.item))

    @cached_property
    def wanted(self) -> tuple[Material, ...]:
        """The materials of which photos are brought, given the answers so far and the registers'."""
        return papers.wanted(self.item, self.draft.data, registers.kept(self.draft.answers), clock.today())

    @property
    def steps(self) -> int:
        """How many pages there are: one a group, the papers where any are wanted, and the check page."""
        return len(self.groups) + bool(self.wanted) + 1

    @property
    def groups(self) -> tuple[Group, ...]:
        """The pages of the form, given the answers so far."""
        return self.item.active_groups(self.draft.data)

    def url(self, step: str = "", **more: Any) -> str:
        """The address of one of its pages."""
        named: dict[str, Any] = ({"step": step} if step else {}) | more
        return url_for(self.place.draft, draft_id=self.draft.id, **named)

    @property
    def guide(self) -> str:
        """The address of where the item is begun."""
        return self.place.guide(self.citizen, self.item)

    def again(self) -> Filled:
        """The same as it is stored now, without anything typed or wrong; raises NoSuchCase."""
        draft = drafts.mine(self.citizen.id, self.draft.id)
        return replace(self, draft=draft, from_check=False, typed=None, errors={}, moved="", words="")


def filled_of(place: Place, citizen: Citizen, draft_id: UUID) -> Filled:
    """A draft of a person's; raises NoSuchCase for anybody else's."""
    return Filled.of(place, citizen, drafts.mine(citizen.id, draft_id))


def group_page(filled: Filled, group: Group, status: int = 200) -> ResponseReturnValue:
    """The page of one group: what a register says of it, its fields, what is wrong with them."""
    draft, groups = filled.draft, filled.groups
    stored = draft.data.get(group.code, {})
    kept = drafts.typed_in(draft, group) if filled.typed is None else None
    values = filled.typed if filled.typed is not None else {**(stored or defaults_of(group, filled.citizen))}
    if kept is not None:
        values = {**values, **kept}
    there = {**draft.data, group.code: values}
    brought = papers.wanted(filled.item, there, registers.kept(draft.answers), clock.today())
    expected = len(filled.item.active_groups(there)) + bool(brought) + 1
    material = registers.material_of(filled.item, group.confirms)
    card = (
        registers.card(material, _answers_shown(filled, group), lambda id_: _image_url(filled, id_))
        if material
        else None
    )
    if material and card and not card["found"]:
        card["text"] += _paper_instead(papers.stand_in(filled.item, material.code))
    inputs = fields.fields_of(group, values, filled.errors, confirmable=card is None or bool(card["found"]))
    searched = fields.address_field(group)
    if searched:
        _offer_addresses(filled, next(f for f in inputs if f["name"] == searched))
    position = groups.index(group)
    before = groups[position - 1].code if position else ""
    page = render_template(
        f"{filled.place.templates}group.html",
        item=filled.item,
        group=group,
        card=card,
        fields=inputs,
        errors=filled.errors,
        moved=filled.moved,
        unsaved=kept is not None and bool(stored),
        changed=_changed_words(drafts.changed(draft, group)),
        saved=chinese_moment(draft.saved_at),
        autosave=url_for(filled.place.autosave, draft_id=draft.id),
        stored=fields.answer_rows(
            group, stored, masked=False, address=registers.chosen_address(draft), you=filled.place.you
        )
        if filled.moved
        else [],
        from_check=filled.from_check,
        form_token=new_token(16),
        url=filled.url(),
        case_data={"id": draft.id, "state": "draft", "version": draft.version},
        heading=group.title,
        step=f"{filled.item.name} · 第 {position + 1} 步，共 {expected} 步",
        # Words about what is shown from registers would be untrue where they told nothing.
        lead=postage.said(group.intro) if card is None or card["found"] else "",
        back=filled.url(CHECK) if filled.from_check else (filled.url(before) if before else filled.guide),
        live=True,
        you=filled.place.you,
        **filled.place.more(draft),
    )
    return page, status


def _paper_instead(material: Material | None) -> str:
    """What a person brings where no register knows, said right there."""
    return f"接下来请上传{'、'.join(material.examples)}等其中一种的照片。" if material else ""


def _changed_words(changed: drafts.Changed | None) -> list[str]:
    """What a group asks otherwise than when it was answered, a sentence each."""
    if changed is None:
        return []
    named = {"新增": changed.new, "要求有变化": changed.other, "不再需要": changed.gone}
    return [f"{what}：{'、'.join(labels)}。" for what, labels in named.items() if labels]


def _image_url(filled: Filled, answer_id: str) -> str:
    return url_for(filled.place.picture, draft_id=filled.draft.id, answer_id=answer_id)


def _answers_shown(filled: Filled, group: Group) -> registers.Answers:
    """What is shown above a group to be confirmed: what the draft rests on, asked again where it knew nothing."""
    material = registers.material_of(filled.item, group.confirms)
    if material is None:
        return {}
    kept = registers.kept(filled.draft.answers)
    if registers.answer_for(material, kept)[1] is not None and any(
        kept.get(supplier.key, {}).get("outcome") == "found" for supplier in material.suppliers
    ):
        return kept
    return kept | registers.ask(filled.citizen, material.suppliers)


def _offer_addresses(filled: Filled, lookup: dict[str, Any]) -> None:
    """Fill the search box: what was searched for, what was found, and what was chosen earlier."""
    chosen = registers.chosen_address(filled.draft)
    registers.offer_addresses(lookup, filled.words, (chosen["code"], chosen["text"]) if chosen else None)


def papers_page(filled: Filled, status: int = 200) -> ResponseReturnValue:
    """Photos of what no register supplies: what is wanted, why, and what is there so far."""
    draft, item = filled.draft, filled.item
    gathered = queries.of_draft(draft.id)
    page = render_template(
        f"{filled.place.templates}papers.html",
        item=item,
        cards=cards(
            filled.wanted,
            gathered,
            url=lambda code: url_for(filled.place.uploads, draft_id=draft.id, at=code),
            photo_url=lambda id_, **more: url_for(filled.place.photo, draft_id=draft.id, upload_id=id_, **more),
            errors=filled.errors,
            reasons={m.code: _why(item, m, filled) for m in filled.wanted},
            earlier=earlier_of(filled.citizen.id, draft.id, filled.wanted) if filled.place.reuses else {},
        ),
        errors=filled.errors,
        moved=filled.moved,
        done=not papers.missing(filled.wanted, gathered),
        check_url=filled.url(CHECK),
        form_token=lambda: new_token(16),
        case_data={"id": draft.id, "state": "draft", "version": draft.version},
        heading="上传证明材料",
        step=f"{item.name} · 第 {len(filled.groups) + 1} 步，共 {filled.steps} 步",
        back=filled.url(CHECK) if filled.from_check else filled.url(filled.groups[-1].code),
        live=True,
        you=filled.place.you,
        **filled.place.more(draft),
    )
    return page, status


def _why(item: ServiceItem, material: Material, filled: Filled) -> str:
    """Why a paper is wanted, though registers are asked first."""
    code = material.unless_confirmed
    if code is None:
        return f"{material.source}规定要有这份证明，现在还没有部门登记可以代替，所以请上传。"
    you = filled.place.you
    supplier, answer = registers.answer_for(item.material(code), registers.kept(filled.draft.answers))
    name = registers.source_name(supplier.source)
    if answer is None or answer["outcome"] == "unavailable":
        return f"{name}暂时连不上，没有查到{you}的信息，请上传证明代替。过一会儿再查到的，就不用上传了。"
    if answer["outcome"] != "found":
        return f"{name}里没有查到{you}的信息，请上传证明代替。"
    # Where there was nothing to confirm, "no" was sent without being asked.
    if papers.denied(item, code, filled.draft.data):
        return f"{you}说{name}里的信息与实际不符，请上传证明，由民警核实。"
    return f"{name}里的信息已经到期，请上传现在的证明。"


def check_page(filled: Filled, status: int = 200) -> ResponseReturnValue:
    """Check your answers: everything once more, with a way back to each, the commitment, and the sending."""
    draft, item, citizen = filled.draft, filled.item, filled.citizen
    address = registers.chosen_address(draft)
    answers = registers.kept(draft.answers)
    sections = []
    for group in filled.groups:
        href = filled.url(group.code, **{"from": CHECK})
        rows = fields.answer_rows(
            group, draft.data.get(group.code, {}), masked=False, address=address, you=filled.place.you
        )
        material = registers.material_of(item, group.confirms)
        shown: list[dict[str, Any]] = []
        if material:
            card = registers.card(material, answers, lambda id_: _image_url(filled, id_))
            shown = list(card.get("rows", ()))
            if not card["found"]:
                rows = [dict(_NOT_TOLD), *(row for row in rows if not row["confirms"])]
            if shown:
                shown[-1] = shown[-1] | {"source": card["source"]}
        sections.append(
            {
                "title": group.title,
                "rows": shown + rows,
                "href": href,
                "done": drafts.is_done(draft, group),
                "changed": drafts.changed(draft, group) is not None,
                "unsaved": drafts.typed_in(draft, group) is not None,
            }
        )
    first = deadline(clock.now(), item.clocks.first_answer, calendar())
    provisional = "（暂定，以公布的放假安排为准）" if first.provisional else ""
    page = render_template(
        f"{filled.place.templates}check.html",
        item=item,
        who=[
            {"label": "姓名", "value": mask_name(citizen.name)},
            {"label": "公民身份号码", "value": mask_id(citizen.id_number)},
            {"label": "手机号码", "value": mask_phone(citizen.phone)},
        ],
        sections=sections,
        materials=[
            {"label": m.name, "value": "免提交", "source": registers.source_name(m.suppliers[0].source)}
            for m in item.active_materials(draft.data)
            if m.suppliers and m.code not in {one.unless_confirmed for one in filled.wanted}
        ],
        papers=paper_rows(filled.wanted, queries.of_draft(draft.id)) if filled.wanted else [],
        papers_url=filled.url(PAPERS),
        costs=tariff.before_sending(item, draft.data),
        errors=filled.errors,
        moved=filled.moved,
        first_answer="" if item.clocks.at_once else chinese_day(first.last_day) + provisional,
        form_token=new_token(16),
        discard_token=new_token(16),
        url=filled.url(),
        case_data={"id": draft.id, "state": "draft", "version": draft.version},
        heading="请核对后提交",
        step=f"{item.name} · 第 {filled.steps} 步，共 {filled.steps} 步",
        back=filled.url(PAPERS if filled.wanted else filled.groups[-1].code),
        live=True,
        you=filled.place.you,
        **filled.place.more(draft),
    )
    return page, status
