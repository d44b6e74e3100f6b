"""A declaration as a page for people: its graph in Mermaid, and what it asks for, promises and says, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from citizen_services.catalogue.conditions import All, Condition, Equals, IsIn, Not
from citizen_services.catalogue.vocabulary import By, Clocks, Group, Material, ServiceItem, Step


def page(item: ServiceItem) -> str:
    """The whole page in Markdown, the same for the same declaration."""
    return "\n".join([*_head(item), *_graph(item), *_steps(item), *_asked(item), *_clocks(item), *_told(item)]) + "\n"


def who(by: By) -> str:
    """Who may take a step, in words: ``clerk or approver (officer), own office, not who did accept``."""
    if by.kind != "staff":
        return {"citizen": "applicant", "system": "system"}[by.kind]
    words = " or ".join(sorted(by.roles))
    if len(by.standings) < 3:
        words += f" ({' or '.join(sorted(by.standings))})"
    words += {"own": "", "service_centre": ", service centre", "district": ", anywhere in the district"}[by.office]
    return words + (f", not who did {' or '.join(sorted(by.not_who))}" if by.not_who else "")


def condition_words(condition: Condition | None) -> str:
    """A condition in words: ``ground.ground is employment``; ``always`` for None."""
    match condition:
        case None:
            return "always"
        case Equals(group, field, value):
            return f"{group}.{field} is {value}"
        case IsIn(group, field, values):
            return f"{group}.{field} is one of {', '.join(str(value) for value in values)}"
        case Not(other):
            return f"not ({condition_words(other)})"
        case All(of):
            return " and ".join(f"({condition_words(one)})" for one in of)
    raise TypeError(f"no words for a condition of type {type(condition).__name__}")


def _head(item: ServiceItem) -> Iterator[str]:
    yield f"# {item.name}"
    yield ""
    yield "Drawn from the declaration by `python -m tests.guards.write_graphs`; change that, not this page."
    yield ""
    yield from _table(
        ("", ""),
        [
            ("code", f"`{item.code}`, version {item.version}, numbers begin with {item.number_prefix}"),
            ("legal basis", "；".join(str(source) for source in item.legal_basis)),
            ("for whom", item.guide.audience),
            ("result", item.guide.result),
            ("fee", item.guide.fee),
            *((f"visits, {door.code}", f"at most {door.visits}") for door in item.doors),
        ],
    )


def _graph(item: ServiceItem) -> Iterator[str]:
    yield from ("## States", "", "```mermaid", "stateDiagram-v2")
    for state in item.states:
        yield f'    state "{state.word} ({state.code})" as {state.code}'
    for step in item.steps:
        at_once = ", at once" if step.automatic else ""
        yield f"    {step.start or '[*]'} --> {step.end}: {step.label} {step.action} ({who(step.by)}{at_once})"
    for state in item.states:
        if state.final:
            yield f"    {state.code} --> [*]"
    yield from ("```", "")
    yield from _table(
        ("state", "word", "desk", "clock that runs", "what the person reads"),
        [(f"`{s.code}`", s.word, s.desk or "", s.clock or "", s.waits_for) for s in item.states],
    )


def _steps(item: ServiceItem) -> Iterator[str]:
    yield from ("## Steps", "")
    yield from _table(
        ("from", "action", "to", "who", "if", "then", "asks for", "visit", "tells"),
        [_step(step) for step in item.steps],
    )
    guards = {guard.name: guard.sentence for step in item.steps for guard in step.guard}
    if guards:
        yield from _table(("condition", "said where it doesn't hold"), [(f"`{n}`", s) for n, s in guards.items()])


def _step(step: Step) -> tuple[str, ...]:
    return (
        f"`{step.start}`" if step.start else "",
        f"`{step.action}` {step.label}" + (" (at once)" if step.automatic else ""),
        f"`{step.end}`",
        who(step.by),
        ", ".join(guard.name for guard in step.guard),
        ", ".join(effect.name for effect in step.then),
        ", ".join(step.input.fields) if step.input else "",
        f"{step.presence.why} {step.presence.source}, {', '.join(sorted(step.presence.doors))}"
        if step.presence
        else "",
        step.tell.code if step.tell else "",
    )


def _asked(item: ServiceItem) -> Iterator[str]:
    yield from ("## Before the form", "")
    yield from _table(
        ("condition", "sentence", "source"), [(f"`{c.code}`", c.sentence, str(c.source)) for c in item.pre_checks]
    )
    yield from ("## Form", "")
    yield from _table(("page", "title", "shown", "fields", "confirms"), [_group(group) for group in item.groups])
    yield from ("## Materials", "")
    yield from _table(("material", "name", "source", "supplied by", "needed"), [_material(m) for m in item.materials])


def _group(group: Group) -> tuple[str, ...]:
    fields = (f"{name}{'' if field.required else ' (optional)'}" for name, field in group.schema.fields.items())
    return (f"`{group.code}`", group.title, condition_words(group.when), ", ".join(fields), group.confirms or "")


def _material(material: Material) -> tuple[str, ...]:
    suppliers = [supplier.key for supplier in material.suppliers] + (["upload"] if material.upload else [])
    needed = condition_words(material.when) + (", may follow later" if material.deferrable else "")
    if material.unless_confirmed:
        needed += f", unless {material.unless_confirmed} is supplied and confirmed"
    return (f"`{material.code}`", material.name, str(material.source), " else ".join(suppliers), needed)


def _clocks(item: ServiceItem) -> Iterator[str]:
    clocks: Clocks = item.clocks
    yield from ("## Clocks", "")
    statutory = clocks.statutory.label if clocks.statutory else "law sets none"
    yield from _table(
        ("clock", "period", "source"),
        [
            ("first answer", clocks.first_answer.label, ""),
            ("promised result", clocks.promised.label + ("，即办件" if clocks.at_once else ""), ""),
            ("statutory result", statutory, str(clocks.statutory_source or "")),
        ],
    )


def _told(item: ServiceItem) -> Iterator[str]:
    yield from ("## Notices", "")
    notices = {notice.sms_template.key: notice for step in item.steps for notice in step.tells}
    yield from _table(
        ("notice", "on the page", "WeChat", "SMS"),
        [
            (
                f"`{n.code}`",
                n.text,
                f"`{n.wechat_template.key}`: " + "；".join(n.wechat[key] for key, _ in n.wechat_template.fields),
                f"`{n.sms_template.key}`: {n.sms_template.text}",
            )
            for n in notices.values()
        ],
    )
    if item.documents:
        yield from ("## Documents", "")
        yield from _table(
            ("kind", "title", "text"), [(d.kind, d.title, "<br>".join(d.paragraphs)) for d in item.documents]
        )
    if item.commitment:
        yield from ("## Commitment", "", item.commitment, "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '／') for cell in row)} |"
    yield ""
