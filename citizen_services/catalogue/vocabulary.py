"""How a service item (事项) is declared: frozen dataclasses that the platform runs, shows, prints and checks.

A declaration is read by people who know the counter, not the code: its steps are a table, its sentences are what
citizens read, its periods name their source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from marshmallow import Schema

from citizen_services.catalogue.conditions import Condition
from citizen_services.rules.divisions import NINGBO_CITY_AREA
from citizen_services.rules.periods import Period

if TYPE_CHECKING:
    from citizen_services.cases.situation import Situation
    from citizen_services.catalogue.counter import Part
    from citizen_services.database import Change

__all__ = ["Period"]


#: The metadata of a field that came to the vocabulary after a release: where it has its default, what a released
#: version promised reads as before, and golden files leave it out.
ADDED = {"added": True}


@dataclass(frozen=True)
class Source:
    """Where a rule stands: law or standard, and the place in it."""

    law: str
    place: str

    def __str__(self) -> str:
        return f"《{self.law}》{self.place}"


# --- Who acts -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class By:
    """Who may take a step.

    ``kind``: ``citizen`` (the applicant of the case), ``staff`` or ``system``. For staff: any one of ``roles``, a
    standing among ``standings``, working at the case's own office (``own``), at the district's service centre
    (``service_centre``) or anywhere in the district (``district``); ``not_who`` names actions whose doer on this case
    may not do this one.
    """

    kind: str
    roles: frozenset[str] = frozenset()
    standings: frozenset[str] = frozenset({"officer", "auxiliary", "civilian"})
    office: str = "own"
    not_who: frozenset[str] = frozenset()

    @classmethod
    def staff(cls, *roles: str, officer_only: bool = False, office: str = "own", not_who: Sequence[str] = ()) -> By:
        """Staff with one of these roles; ``officer_only`` where the law wants an officer's decision."""
        standings = {"officer"} if officer_only else {"officer", "auxiliary", "civilian"}
        return cls("staff", frozenset(roles), frozenset(standings), office, frozenset(not_who))


APPLICANT = By("citizen")
SYSTEM = By("system")


# --- What is filled in and shown ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Supplier:
    """A register that knows something, so that the person isn't asked for it: ``source.topic`` as exchange knows it."""

    source: str
    topic: str

    @property
    def key(self) -> str:
        """``source.topic``."""
        return f"{self.source}.{self.topic}"


@dataclass(frozen=True)
class Material:
    """A material (材料) that law asks for, and who supplies it instead of the person.

    ``suppliers`` in order of preference; with none the person brings photos of it (``upload``), of one of ``kinds``:
    (code, name), of which they say with each photo which it is. ``shown_as`` are the lines shown to be confirmed:
    (label, path in the register's answer); a line of which an answer has nothing is left out, so that registers that
    tell different things can supply one material. ``proves`` tells of an answer whether it supplies the material on a
    day. ``unless_confirmed`` names the material in whose place this one
    is brought where no register supplied it, or the person says that what it knows is wrong.
    """

    code: str
    name: str
    source: Source
    suppliers: tuple[Supplier, ...] = ()
    shown_as: tuple[tuple[str, str], ...] = ()
    when: Condition | None = None
    deferrable: bool = False
    upload: bool = False
    kinds: tuple[tuple[str, str], ...] = ()
    proves: Callable[[Mapping[str, Any], date], bool] | None = None
    unless_confirmed: str | None = None

    @property
    def examples(self) -> tuple[str, ...]:
        """The names of the papers of which any one serves."""
        return tuple(name for _, name in self.kinds)

    def kind_name(self, code: str | None) -> str:
        """What a kind of paper is called; nothing where the person did not say which it is."""
        return dict(self.kinds).get(code or "", "")


@dataclass(frozen=True)
class Group:
    """One page of the form: a marshmallow Schema with a title, shown only ``when`` its condition holds.

    ``confirms`` names the material whose register answer is shown above the fields.
    """

    code: str
    title: str
    schema: Schema
    when: Condition | None = None
    intro: str = ""
    confirms: str | None = None


# --- Before the form ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """What is known of a person before they fill anything in.

    ``answers`` maps ``source.topic`` to ``{"outcome": found | none | unavailable, "content": …}``; ``registrations``
    and ``permits`` are our own registers' rows as dicts ``{since, until, address, district, …}``; ``today`` is
    business time's date in Shanghai; ``city_area`` are the divisions that form one urban area with ``district``;
    ``guarded`` says of a child whether a guardian of theirs is known, who acts for it;
    ``data`` is what was declared so far (``{group: {field: value}}``), nothing before a draft is begun.
    """

    today: date
    birth_date: date
    hukou_code: str
    district: str
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    registrations: Sequence[Mapping[str, Any]] = ()
    permits: Sequence[Mapping[str, Any]] = ()
    city_area: frozenset[str] = NINGBO_CITY_AREA
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    guarded: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether a condition is met; if not: why, what to do, and from which day it will be (if it only takes time).

    ``certain`` is False where a register could not be asked: the case goes on and an officer looks. ``instead``, of a
    condition that is not met: the heading that says that there is nothing to wait for or to mend, since it is not
    needed, not done so, or over; what else is not met does not matter then.
    """

    met: bool
    why: str = ""
    todo: str = ""
    from_day: date | None = None
    certain: bool = True
    instead: str = ""


@dataclass(frozen=True)
class PreCheck:
    """A condition of applying, tested before the form: its sentence in the guide, and the rule.

    ``excuse`` names the field (group, field) by which a person declares that the condition is not asked of them: it is
    offered where the condition is not met, its group is part of the form for those who chose so, and ``test`` reads it
    in the facts' ``data``.
    """

    code: str
    sentence: str
    source: Source
    test: Callable[[Facts], Verdict]
    excuse: tuple[str, str] | None = None


# --- Telling ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WeChatTemplate:
    """A template of the official account: its key, title, and typed fields with their labels, in order."""

    key: str
    title: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SmsTemplate:
    """A template of the SMS gateway: its key and text with ``{name}`` variables (1–35 characters each)."""

    key: str
    text: str


@dataclass(frozen=True)
class Notice:
    """What a person is told at a turn of the case.

    ``text`` (placeholders ``{number}``) is what their page shows. ``wechat`` gives each typed field of
    ``wechat_template`` its text, ``sms`` each variable of ``sms_template``. ``must_be_known``: passed on to the next
    channel when one channel's fate is uncertain.
    """

    code: str
    title: str
    text: str
    wechat_template: WeChatTemplate
    wechat: Mapping[str, str]
    sms_template: SmsTemplate
    sms: Mapping[str, str]
    must_be_known: bool = False


#: The placeholders that every notice may use; a step's effects may add those that its declaration names in
#: ``placeholders``.
PLACEHOLDERS: Mapping[str, int] = {
    # name: the most characters that its value can have (what fits is checked when the declaration is loaded)
    "number": 20,
    "item": 20,
    "state": 5,
    "at": 17,
    "due": 6,
    "tracking": 13,
    "office": 16,
    "visits": 2,
}


# --- Steps --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Guard:
    """A condition on the situation that must hold for a step, with the sentence for when it does not."""

    name: str
    sentence: str
    test: Callable[[Situation], bool]


@dataclass(frozen=True)
class Effect:
    """What follows from a step, added to the same change. ``gives`` names the placeholders that it fills."""

    name: str
    do: Callable[[Situation, Change], None]
    gives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Presence:
    """A step that needs the person to come: why (printed in the guide), by which article, and at which doors."""

    why: str
    source: Source
    doors: frozenset[str]


@dataclass(frozen=True)
class Bring:
    """What somebody who has to come must bring: told by ``notice`` in place of the step's own one where ``needed``.

    The SMS templates are the item's own, their fixed text is the ``usual`` list. What one person brings besides is the
    one variable ``{also}`` of ``also``; where that has no room, ``many`` says how many things and where to tap.
    ``{bring}`` of the notice's text is the whole list, ``{things}`` its length.
    """

    notice: Notice
    usual: tuple[str, ...]
    also: SmsTemplate
    many: SmsTemplate
    needed: Callable[[Situation], bool]
    differs: Callable[[Situation], tuple[str, ...]]

    @property
    def notices(self) -> tuple[Notice, ...]:
        """The notice by each of its SMS templates: the usual list, with one thing more, with more than fits."""
        return (
            self.notice,
            replace(self.notice, sms_template=self.also, sms={"also": "{also}"}),
            replace(self.notice, sms_template=self.many, sms={"things": "{things}"}),
        )


#: What the engine of telling fills in of a ``Bring``, beside a step's own values.
BRING_VALUES: Mapping[str, int] = {"also": 35, "things": 2}


@dataclass(frozen=True)
class Step:
    """One row of the table: from a state, an action, to a state, by whom, if, what follows, what is told.

    ``label`` is the button; ``public`` the words on the person's timeline (empty = not shown there); ``input`` the
    schema of what is given with the action; ``automatic`` steps (by the system) follow at once, in the same change,
    where their guards hold; ``danger`` leads over a confirming page; ``bring`` says what whoever comes then needs;
    ``aside``: staff may do it where a fact from outside demands it, but nothing waits for it, so that it needs no desk.
    """

    start: str | None
    action: str
    end: str
    by: By
    label: str
    public: str
    guard: tuple[Guard, ...] = ()
    then: tuple[Effect, ...] = ()
    tell: Notice | None = None
    input: Schema | None = None
    presence: Presence | None = None
    automatic: bool = False
    danger: bool = False
    bring: Bring | None = None
    aside: bool = field(default=False, metadata=ADDED)

    @property
    def tells(self) -> tuple[Notice, ...]:
        """Every notice that may be told of it, by each of its SMS templates."""
        return (*((self.tell,) if self.tell else ()), *(self.bring.notices if self.bring else ()))


@dataclass(frozen=True)
class State:
    """A state of the case: its word, who must act, whose desk it lies on, whether it is the end.

    ``desk``: ``own`` (the case's office), ``service_centre``, or None where nobody of ours has to act. ``waits_for``
    is the sentence that the person reads while it lasts; ``clock`` is the clock that runs: ``first_answer``,
    ``result`` or None. ``again``: who ended there without the result may want to apply once more.
    """

    code: str
    word: str
    waits_for: str
    desk: str | None = None
    clock: str | None = None
    final: bool = False
    again: bool = field(default=True, metadata=ADDED)


@dataclass(frozen=True)
class Clocks:
    """The three clocks. ``statutory`` None where law sets no period; ``at_once`` for an instant item (即办件)."""

    first_answer: Period
    promised: Period
    statutory: Period | None
    statutory_source: Source | None
    at_once: bool = False


@dataclass(frozen=True)
class Door:
    """A way in: ``online`` (WeChat and H5) or ``counter``; how many visits it may need at most."""

    code: str
    visits: int


@dataclass(frozen=True)
class Doc:
    """A document that the service issues: its kind, title and paragraphs with placeholders.

    ``served``: law wants it handed to the person, electronically only where they consented, else by post.
    """

    kind: str
    title: str
    paragraphs: tuple[str, ...]
    served: bool = False


@dataclass(frozen=True)
class Param:
    """What an office may change: default, bounds, and where the default comes from; ``label`` as people read it."""

    code: str
    default: Any
    bounds: tuple[Any, Any]
    source: Source | str
    label: str = ""


@dataclass(frozen=True)
class Fee:
    """What an item costs (收费), asked for after the check and before acceptance (cases/charging.py).

    ``name`` stands on order and receipt. ``amounts`` are the tariff, each a Param of fen with its bounds and source,
    which the bureau sets on the page of parameters; 0 is free. ``which`` names by their codes the amounts that a case
    owes, from what was filled in (``{group: {field: value}}``); without it all of them are owed. ``kept`` are the final
    states at which the money stays: at any other end of the case it goes back by itself.
    """

    name: str
    amounts: tuple[Param, ...]
    which: Callable[[Mapping[str, Mapping[str, Any]]], Sequence[str]] | None = None
    kept: frozenset[str] = frozenset({"completed"})

    def owed(self, data: Mapping[str, Mapping[str, Any]]) -> tuple[Param, ...]:
        """The amounts of the tariff that a case with those answers owes, in the order of the tariff."""
        codes = {param.code for param in self.amounts} if self.which is None else set(self.which(data))
        if unknown := codes - {param.code for param in self.amounts}:
            raise KeyError(f"no such amounts in the tariff: {', '.join(sorted(unknown))}")
        return tuple(param for param in self.amounts if param.code in codes)


@dataclass(frozen=True)
class Guide:
    """办事指南: what citizens read before they begin (浙江省保障“最多跑一次”改革规定 art 4)."""

    summary: str
    audience: str
    result: str
    fee: str
    keeps: str
    #: A number of the item's own; empty: the bureau's help line.
    hotline: str = ""
    #: What people call it in a chat, beside its name; how such words are read stands in wechat/finding.py.
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class OldDocument:
    """What the new document takes the place of, to be given back: a duty of its own, which the case does not wait for.

    ``name`` as people read it; ``source``: the rule that wants it back; ``remind_days``: after so many days each its
    person is reminded where it did not come. The effects ``fetch_old`` (the courier fetches it) and ``expect_old`` (its
    person brings or sends it) begin the duty; staff see what is due and what becomes of it (notifications/old.py).
    """

    name: str
    source: Source
    remind_days: tuple[int, ...] = (10, 25)


@dataclass(frozen=True)
class Household:
    """An item for which a household applies in one go, each of its members with a case of their own.

    ``otherwise`` names the answers that are only the head's: group, field, and what another member says instead of
    each of them; what it doesn't name is the same for all.
    """

    otherwise: tuple[tuple[str, str, Mapping[str, str]], ...] = ()


#: Acts that no item declares, since the platform knows them for all; they lead nowhere.
OF_ANY_ITEM: Mapping[str, str] = {"recuse": "回避"}


@dataclass(frozen=True)
class ServiceItem:
    """A service item: everything that the platform needs to run it at every door."""

    code: str
    name: str
    version: int
    legal_basis: tuple[Source, ...]
    guide: Guide
    doors: tuple[Door, ...]
    pre_checks: tuple[PreCheck, ...]
    groups: tuple[Group, ...]
    materials: tuple[Material, ...]
    states: tuple[State, ...]
    steps: tuple[Step, ...]
    clocks: Clocks
    #: Which office the case belongs to, from the answers and the register answers: an office code.
    route: Callable[[Situation], str]
    documents: tuple[Doc, ...] = ()
    params: tuple[Param, ...] = ()
    commitment: str = ""
    #: What it costs; 0 where it is free for everybody.
    fee: Fee | Literal[0] = 0
    #: The law that wants the applicant in person, so that no agent may act; None where agents may.
    no_agent: Source | None = None
    #: How a household applies in one go; None where each applies alone.
    household: Household | None = None
    #: Prefix of its case numbers, two letters.
    number_prefix: str = "MP"
    #: Earlier versions whose open cases go on by this one: it holds all that they hold, unchanged, and adds to it.
    continues: tuple[int, ...] = field(default=(), metadata=ADDED)
    #: What its result takes the place of and is given back; None where there is nothing such.
    old_document: OldDocument | None = field(default=None, metadata=ADDED)
    #: What other desks and registers must have done for it, shown in one place (一站式).
    parts: tuple[Part, ...] = field(default=(), metadata=ADDED)

    def state(self, code: str) -> State:
        """The state of that code; KeyError where the item has none such."""
        return {state.code: state for state in self.states}[code]

    def group(self, code: str) -> Group:
        """The group of that code; KeyError where the item has none such."""
        return {group.code: group for group in self.groups}[code]

    def material(self, code: str) -> Material:
        """The material of that code; KeyError where the item has none such."""
        return {material.code: material for material in self.materials}[code]

    def steps_from(self, state: str | None) -> tuple[Step, ...]:
        """The steps that begin in a state."""
        return tuple(step for step in self.steps if step.start == state)

    def step(self, state: str | None, action: str) -> Step | None:
        """The step of an action from a state, None where there is none."""
        return next((step for step in self.steps_from(state) if step.action == action), None)

    def words_of(self, state: str | None, action: str) -> str:
        """What an action from a state is called; where none leads from there, what it is called elsewhere."""
        steps = (self.step(state, action), *(step for step in self.steps if step.action == action))
        return next((step.label for step in steps if step is not None), OF_ANY_ITEM.get(action, action))

    def active_groups(self, answers: Mapping[str, Mapping[str, Any]]) -> tuple[Group, ...]:
        """The groups to be filled in, given the answers so far."""
        return tuple(group for group in self.groups if group.when is None or group.when.holds(answers))

    def active_materials(self, answers: Mapping[str, Mapping[str, Any]]) -> tuple[Material, ...]:
        """The materials that the application rests on, given the answers so far."""
        return tuple(m for m in self.materials if m.when is None or m.when.holds(answers))

    def suppliers(self) -> tuple[Supplier, ...]:
        """Every register that is asked for this item, each once, in order."""
        return tuple(dict.fromkeys(s for material in self.materials for s in material.suppliers))
