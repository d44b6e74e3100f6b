"""A case that ended without its result: what happened, why, what can be done against it, and the way to begin anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import url_for

from citizen_services.cases import decisions, drafts
from citizen_services.cases.models import Case, CaseEvent, Document
from citizen_services.catalogue.vocabulary import ServiceItem, Step
from citizen_services.parts import parts
from citizen_services.portal import timeline
from citizen_services.rules.dates import chinese_moment
from citizen_services.security import new_token


def ended_without_result(item: ServiceItem, case: Case) -> bool:
    """Whether a case is over and its person did not get what was asked for."""
    return case.ended_at is not None and case.state != timeline.good_end(item)


def ending(
    item: ServiceItem,
    case: Case,
    events: Sequence[CaseEvent],
    documents: Sequence[Document],
    *,
    running: Case | None,
) -> dict[str, Any] | None:
    """What ``h5/ending.html`` shows; None for a case that is under way or got its result.

    ``running`` is the person's open case of the same item, which stands in the way of another.
    """
    if not ended_without_result(item, case) or not events:
        return None
    last = events[-1]
    step = item.step(last.from_state, last.action)
    state = item.state(case.state)
    paper = next((d for d in reversed(documents) if d.at == last.at), None)
    return {
        "kind": "info" if last.actor_kind == "citizen" else "bad",
        "title": state.word,
        "text": state.waits_for,
        "who": f"{timeline.who_acted(last)}，{chinese_moment(last.at)}",
        "reasons": _reasons(step, last) or _written(paper),
        "remedies": _remedies(step),
        "paper": {
            "title": paper.title,
            "href": url_for("portal_cases.paper", case_id=case.id, document_id=paper.id),
        }
        if paper
        else None,
        "again": _again(item, case, running),
    }


def _reasons(step: Step | None, event: CaseEvent) -> list[dict[str, str]]:
    """Reasons and legal ground as the officer wrote them for the person to read."""
    if step is None or not isinstance(step.input, decisions.ReasonsSchema):
        return []
    return [
        {"label": str(field.metadata["label"]), "value": str(event.data.get(name, ""))}
        for name, field in step.input.fields.items()
    ]


def _written(paper: Document | None) -> list[dict[str, str]]:
    """Reason and ground as they stand in the document of an end that nobody wrote them for."""
    lines = [line.partition("：") for line in paper.content["paragraphs"]] if paper is not None else []
    return [{"label": label, "value": value} for label, _, value in lines if label in ("理由", "依据")]


def _remedies(step: Step | None) -> str:
    """Where the person may complain, wherever the decision's document says so."""
    if step is None or not {decisions.give_reasons, decisions.name_remedies} & set(step.then):
        return ""
    settings = parts().settings
    return decisions.REMEDIES.format(reconsideration=settings.reconsideration_organ, court=settings.court)


def _again(item: ServiceItem, case: Case, running: Case | None) -> dict[str, Any]:
    """How to begin anew: with the earlier answers, or by way of what was begun already."""
    if running is not None:
        return {"kind": "running", "href": url_for("portal_cases.show", case_id=running.id)}
    draft = drafts.open_draft(case.citizen_id, item.code)
    if draft is not None:
        return {"kind": "draft", "href": url_for("portal_drafts.show", draft_id=draft.id)}
    if not item.state(case.state).again:
        return {"kind": "none"}
    return {
        "kind": "start",
        "href": url_for("portal_items.start", code=item.code),
        "earlier": str(case.id),
        "form_token": new_token(16),
    }
