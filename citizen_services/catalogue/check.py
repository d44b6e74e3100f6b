"""What a declaration must fulfil. Each fault names its place.

So that whoever declares a service is told all of it at once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from citizen_services.catalogue.vocabulary import BRING_VALUES, PLACEHOLDERS, Fee, Material, Notice, ServiceItem, Step
from citizen_services.rules import templates
from citizen_services.rules.errors import RuleError
from citizen_services.rules.periods import promise_holds
from citizen_services.rules.templates import ALIYUN
from citizen_services.rules.working_days import Calendar

_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_WORD = re.compile(r"[a-z][a-z0-9_]*")
#: How many fields a template of WeChat's subscription messages has, so that each of ours can be one too.
_FEWEST_FIELDS, _MOST_FIELDS = 2, 5
#: More steps than this in a row that need presence can't be walked by anybody.
_MOST_VISITS = 9


def faults_of(
    item: ServiceItem, calendar: Calendar, sms_signature: str, gateways: Sequence[templates.Gateway] = (ALIYUN,)
) -> list[str]:
    """Every fault of a declaration; empty where it may be run."""
    found = [
        *_codes(item),
        *_words(item),
        *_graph(item),
        *_actors(item),
        *_visits(item),
        *_periods(item, calendar),
        *_materials(item),
        *_conditions(item),
        *_notices(item, sms_signature, gateways),
        *_bring(item),
        *_documents(item),
        *_household(item),
        *_fee(item),
    ]
    return [f"{item.code}: {fault}" for fault in found]


#: No fee of a bureau's service is larger, in fen; what is larger is a slip of the pen.
_MOST_FEN = 1_000_000


def _fee(item: ServiceItem) -> Iterator[str]:
    asks = [step for step in item.steps if any(effect.name == "ask_fee" for effect in step.then)]
    declared: object = item.fee
    if not isinstance(item.fee, Fee):
        if declared != 0:
            yield f"a fee of {item.fee!r} is no tariff: declare a Fee, or 0"
        yield from (f"step {step.action} from {step.start} asks for a fee, but the item is free" for step in asks)
        return
    yield from _tariff(item.fee)
    finals = {state.code for state in item.states if state.final}
    yield from (f"fee: the item does not end in the state {state}" for state in sorted(item.fee.kept - finals))
    if not asks:
        yield "fee: no step asks for it"
    for step in asks:
        ways_out = {(way.action, way.by.kind) for way in item.steps_from(step.end)}
        lacks = {("fee_paid", "system"), ("lapse", "system")} - ways_out
        yield from (f"fee: asked for, nothing follows by {action} from {step.end}" for action, _ in sorted(lacks))
    for step in item.steps:
        accepts = step.action in ("accept", "accept_with_gaps")
        if accepts and not any(guard.name == "paid_or_free" for guard in step.guard):
            yield f"fee: {step.action} from {step.start} does not wait for the payment"


def _tariff(fee: Fee) -> Iterator[str]:
    if not fee.amounts:
        yield "fee: the tariff has no amounts"
    if not 1 <= len(fee.name) <= 20:
        yield f"fee: the name {fee.name!r} must have 1 to 20 characters"
    codes = Counter(param.code for param in fee.amounts)
    yield from (f"fee: amount {code} is declared twice" for code, times in codes.items() if times > 1)
    for param in fee.amounts:
        values = (param.bounds[0], param.default, param.bounds[1])
        if not all(type(value) is int for value in values):
            yield f"fee: amount {param.code} is not in whole fen"
        elif not 0 <= values[0] <= values[1] <= values[2] <= _MOST_FEN:
            yield f"fee: amount {param.code} of {param.default} fen lies outside its bounds"
        if not _WORD.fullmatch(param.code) or not param.label:
            yield f"fee: amount {param.code} has no proper code and label"


def _codes(item: ServiceItem) -> Iterator[str]:
    if not _CODE.fullmatch(item.code):
        yield "the code must be small letters, digits and hyphens"
    if not re.fullmatch(r"[A-Z]{2}", item.number_prefix):
        yield "the number prefix must be two capital letters"
    if not item.legal_basis:
        yield "no legal basis is named"
    for what, codes in (
        ("state", [s.code for s in item.states]),
        ("group", [g.code for g in item.groups]),
        ("material", [m.code for m in item.materials]),
        ("pre-check", [p.code for p in item.pre_checks]),
        ("parameter", [p.code for p in item.params]),
        ("document", [d.kind for d in item.documents]),
        ("door", [d.code for d in item.doors]),
    ):
        yield from (f"{what} {code} is declared twice" for code, times in Counter(codes).items() if times > 1)
        yield from (
            f"{what} {code}: a code is small letters, digits and _" for code in codes if not _WORD.fullmatch(code)
        )
    steps = Counter((step.start, step.action) for step in item.steps)
    yield from (f"step {action} from {start} is declared twice" for (start, action), n in steps.items() if n > 1)
    fields = Counter(name for group in item.groups for name in group.schema.fields)
    yield from (f"field {name} stands in two groups" for name, times in fields.items() if times > 1)


def _words(item: ServiceItem) -> Iterator[str]:
    """What people call it in a chat: nobody finds a service by its official name alone."""
    if not any(words.strip() for words in item.guide.words):
        yield "guide: no words by which people ask for it in a chat"
    for words in item.guide.words:
        if any(not one for part in words.split() for one in part.split("|")):
            yield f"guide: {words!r} has an empty word, which every text would hold"


def _graph(item: ServiceItem) -> Iterator[str]:
    known = {state.code for state in item.states}
    for step in item.steps:
        for place in (step.start, step.end):
            if place is not None and place not in known:
                yield f"step {step.action} names the undeclared state {place}"
    begins = [step for step in item.steps if step.start is None]
    if [step.action for step in begins] != ["submit"]:
        yield "exactly one step, submit, begins from nothing"
    reached = _reach({step.end for step in begins}, item.steps)
    yield from (f"state {state} can't be reached" for state in sorted(known - reached))
    finals = {state.code for state in item.states if state.final}
    if not finals:
        yield "no state is final"
    ends = _reach_back(finals, item.steps)
    yield from (f"state {state} is a dead end" for state in sorted(known - ends))
    for step in item.steps:
        if step.start in finals:
            yield f"step {step.action} leaves the final state {step.start}"


def _reach(start: set[str], steps: Iterable[Step]) -> set[str]:
    reached = set(start)
    while more := {s.end for s in steps if s.start in reached} - reached:
        reached |= more
    return reached


def _reach_back(ends: set[str], steps: Iterable[Step]) -> set[str]:
    reached = set(ends)
    while more := {s.start for s in steps if s.start is not None and s.end in reached} - reached:
        reached |= more
    return reached


def _actors(item: ServiceItem) -> Iterator[str]:
    for step in item.steps:
        if step.by.kind not in ("citizen", "staff", "system"):
            yield f"step {step.action} from {step.start}: nobody of kind {step.by.kind} can act"
        elif step.by.kind == "staff" and not (step.by.roles and step.by.standings):
            yield f"step {step.action} from {step.start} names no role"
        if step.automatic and step.by.kind != "system":
            yield f"step {step.action} from {step.start} is automatic but not the system's"
        if step.by.office not in ("own", "service_centre", "district"):
            yield f"step {step.action} from {step.start}: unknown office scope {step.by.office}"
    for state in item.states:
        # What stays in the state (a call that is noted) is nothing that the case waits for.
        acts = any(
            step.by.kind == "staff" and step.end != state.code and not step.aside
            for step in item.steps_from(state.code)
        )
        if state.desk is None and acts:
            yield f"state {state.code} lies on nobody's desk, though staff act in it"


def _visits(item: ServiceItem) -> Iterator[str]:
    """The costliest way through the graph, by door, against its budget. Steps that stay in a state are walked once."""
    for door in item.doors:
        most = _most_visits(item, door.code)
        if most > door.visits:
            yield f"door {door.code} may need {most} visits, over its budget of {door.visits}"


def _most_visits(item: ServiceItem, door: str) -> int:
    most: dict[str | None, int] = {None: 0}
    for _ in range(len(item.states) + 1):
        for step in item.steps:
            if step.start in most and step.start != step.end:
                cost = most[step.start] + bool(step.presence and door in step.presence.doors)
                most[step.end] = min(max(most.get(step.end, 0), cost), _MOST_VISITS)
    loops = sum(1 for s in item.steps if s.start == s.end and s.presence and door in s.presence.doors)
    return max(most.values()) + loops


def _periods(item: ServiceItem, calendar: Calendar) -> Iterator[str]:
    clocks = item.clocks
    if clocks.statutory is None:
        return
    if clocks.statutory_source is None:
        yield "the statutory period names no source"
    if not promise_holds(clocks.promised, clocks.statutory, calendar):
        yield f"the promise of {clocks.promised.label} can last longer than the statutory {clocks.statutory.label}"


def _materials(item: ServiceItem) -> Iterator[str]:
    confirmed = {group.confirms for group in item.groups if group.confirms}
    known = {material.code for material in item.materials}
    yield from (f"a group confirms the undeclared material {code}" for code in sorted(confirmed - known))
    for material in item.materials:
        if not material.suppliers and not material.upload:
            yield f"material {material.code} is unused: no register supplies it and nobody can bring it"
        elif material.shown_as and material.code not in confirmed:
            yield f"material {material.code} is unused: it is to be shown, but no group does"
        if material.kinds and not material.upload:
            yield f"material {material.code} names kinds of paper, but nobody can bring it"
        if any(not _WORD.fullmatch(code) for code, _ in material.kinds):
            yield f"material {material.code}: a kind's code is small letters, digits and _"
        if material.unless_confirmed is not None:
            yield from _in_place_of(item, material, confirmed)


def _in_place_of(item: ServiceItem, material: Material, confirmed: set[str]) -> Iterator[str]:
    """What keeps a material from being brought in place of the one that a register supplies."""
    code = material.unless_confirmed
    other = next((one for one in item.materials if one.code == code), None)
    if not material.upload:
        yield f"material {material.code} stands in for {code}, but nobody can bring it"
    if other is None or not other.suppliers:
        yield f"material {material.code} stands in for {code}, which no register supplies"
    elif code not in confirmed:
        yield f"material {material.code} stands in for {code}, which no group lets anybody confirm"
    elif other.when != material.when:
        yield f"material {material.code} stands in for {code}, but is needed under another condition"


def _conditions(item: ServiceItem) -> Iterator[str]:
    # An excuse is chosen before the form begins.
    before = {check.excuse for check in item.pre_checks if check.excuse}
    known = {(group.code, name) for group in item.groups for name in group.schema.fields}
    for check in item.pre_checks:
        if check.excuse and check.excuse not in known:
            yield f"pre-check {check.code} is excused by the undeclared {'.'.join(check.excuse)}"
    for group in item.groups:
        if group.when:
            for place in group.when.fields():
                if place not in before:
                    yield f"group {group.code} depends on {'.'.join(place)}, which is not asked before it"
        before |= {(group.code, name) for name in group.schema.fields}
    for material in item.materials:
        if material.when:
            for place in material.when.fields():
                if place not in before:
                    yield f"material {material.code} depends on {'.'.join(place)}, which is not asked"


def _notices(item: ServiceItem, signature: str, gateways: Sequence[templates.Gateway]) -> Iterator[str]:
    for step in item.steps:
        given = set(PLACEHOLDERS) | {name for effect in step.then for name in effect.gives}
        if step.bring is not None:
            given |= {"bring", *BRING_VALUES}
        for notice in step.tells:
            for fault in (*_notice(notice, given), *_sms(notice, signature, gateways)):
                yield f"notice {notice.code}: {fault}"


def faults_of_notice(notice: Notice, signature: str, gateways: Sequence[templates.Gateway]) -> list[str]:
    """Every fault of a notice that no service declares; whoever tells it gives what its placeholders stand for."""
    try:
        given = {name for text in (notice.text, *notice.wechat.values()) for name in templates.placeholders(text)}
    except ValueError as fault:
        return [f"notice {notice.code}: {fault}"]
    return [f"notice {notice.code}: {fault}" for fault in (*_notice(notice, given), *_sms(notice, signature, gateways))]


def _bring(item: ServiceItem) -> Iterator[str]:
    """Whoever has to come is told before what to bring, and each template says what is fixed of it."""
    for step in item.steps:
        leading = [other for other in item.steps if other.end == step.start and other.start != step.start]
        if step.presence is not None and step.start and not any(other.bring for other in leading):
            yield f"step {step.action} from {step.start} wants the person to come, but nothing says what to bring"
        bring = step.bring
        if bring is None:
            continue
        place = f"step {step.action} from {step.start}"
        if not bring.usual:
            yield f"{place}: the list of what to bring is empty"
        for template, variables in (
            (bring.notice.sms_template, ()),
            (bring.also, ("also",)),
            (bring.many, ("things",)),
        ):
            if templates.placeholders(template.text) != variables:
                yield f"{place}: SMS template {template.key} has other variables than {', '.join(variables) or 'none'}"
            if template is not bring.many:
                lacks = [thing for thing in bring.usual if thing not in template.text]
                yield from (f"{place}: SMS template {template.key} does not say {thing}" for thing in lacks)
        if "bring" not in templates.placeholders(bring.notice.text):
            yield f"{place}: the text of what to bring has no {{bring}}"
        if not bring.notice.must_be_known:
            yield f"{place}: what to bring must be known"


def _notice(notice: Notice, given: set[str]) -> Iterator[str]:
    texts = {"text": notice.text, **notice.wechat, **notice.sms}
    for place, text in texts.items():
        try:
            names = templates.placeholders(text)
        except ValueError as fault:
            yield f"{place}: {fault}"
            continue
        yield from (f"{place}: unknown placeholder {name}" for name in names if name not in given)
        try:
            templates.check_words(text)
        except RuleError as fault:
            yield f"{place}: {fault}"
    if [key for key, _ in notice.wechat_template.fields] != list(notice.wechat):
        yield f"the values don't fit the fields of WeChat template {notice.wechat_template.key}"
    yield from _wechat_values(notice)


def _sms(notice: Notice, signature: str, gateways: Sequence[templates.Gateway]) -> Iterator[str]:
    """What a gateway would refuse, of every one that is configured."""
    for gateway in gateways:
        try:
            templates.check_sms_template(signature, notice.sms_template.text, gateway)
        except (RuleError, ValueError) as fault:
            yield f"SMS template {notice.sms_template.key}: {fault} ({gateway.name})"
            return
    if set(templates.placeholders(notice.sms_template.text)) != set(notice.sms):
        yield f"the values don't fit the variables of SMS template {notice.sms_template.key}"
    for name, text in notice.sms.items():
        length = _longest(text)
        for gateway in gateways:
            if length is not None and length > gateway.variable:
                yield f"{name}: up to {length} characters, the SMS gateway takes {gateway.variable} ({gateway.name})"


def _wechat_values(notice: Notice) -> Iterator[str]:
    for key, text in notice.wechat.items():
        try:
            kind = templates.value_kind(key)
        except ValueError as fault:
            yield str(fault)
            continue
        bounds = {
            "thing": 20, "character_string": 32, "phrase": 5, "const": 20, "number": 32, "letter": 32, "symbol": 5,
            "phone_number": 17, "car_number": 8, "name": 20,
        }  # fmt: skip
        length = _longest(text)
        if kind in bounds and length is not None and length > bounds[kind]:
            yield f"{key}: up to {length} characters, WeChat takes {bounds[kind]}"
        elif not templates.placeholders(text):
            try:
                templates.check_value(key, text)
            except RuleError:
                yield f"{key}: WeChat takes no {kind} such as {text!r}"
    if not _FEWEST_FIELDS <= len(notice.wechat) <= _MOST_FIELDS:
        yield f"{len(notice.wechat)} fields, a subscription's template has {_FEWEST_FIELDS} to {_MOST_FIELDS}"


def _longest(text: str) -> int | None:
    """The most characters that a text can have; None where a placeholder's bound is the effect's own affair."""
    try:
        return templates.longest(text, {**PLACEHOLDERS, **BRING_VALUES})
    except (KeyError, ValueError):
        return None


def _documents(item: ServiceItem) -> Iterator[str]:
    for document in item.documents:
        for paragraph in document.paragraphs:
            try:
                templates.placeholders(paragraph)
            except ValueError as fault:
                yield f"document {document.kind}: {fault}"


def _household(item: ServiceItem) -> Iterator[str]:
    """What a household shares can't be what a register says of one of them."""
    if item.household is None:
        return
    yield from (f"a household can't share group {g.code}: it confirms a register" for g in item.groups if g.confirms)
    fields = {(group.code, name): field for group in item.groups for name, field in group.schema.fields.items()}
    for code, name, instead in item.household.otherwise:
        field = fields.get((code, name))
        allowed = {one[0] for one in field.metadata.get("choices", ())} if field is not None else set()
        if not {*instead, *instead.values()} <= allowed:
            yield f"household: {code}.{name} has no such answers"
