"""Every page is looked at: a GET route of the two doors whose address no test opens that judges pages must say why."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask

TESTS = Path(__file__).parent.parent

_PICTURE = "a picture or a file, no page"
_ELSEWHERE = "leads elsewhere and shows no page"
_HOUSEHOLD = "reached by the counter's buttons, judged in console/test_household_at_counter.py"
_COUNTER = "reached by keys and buttons, judged in windows/test_counter_booking.py"
#: Routes that no test opens by their address and judges there, and why that is right.
REASONS = {
    "/console/cases/<uuid:case_id>/answers/<uuid:answer_id>.jpg": _PICTURE,
    "/console/cases/<uuid:case_id>/photos/<uuid:upload_id>": _PICTURE,
    "/console/cases/<uuid:case_id>/documents/<uuid:document_id>.pdf": _PICTURE,
    "/console/letters/<uuid:letter_id>.pdf": _PICTURE,
    "/console/serving/<uuid:document_id>.pdf": _PICTURE,
    "/console/counter/drafts/<uuid:draft_id>/answers/<uuid:answer_id>.jpg": _PICTURE,
    "/console/counter/drafts/<uuid:draft_id>/photos/<uuid:upload_id>": _PICTURE,
    "/h5/cases/<uuid:case_id>/answers/<uuid:answer_id>.jpg": _PICTURE,
    "/h5/cases/<uuid:case_id>/photos/<uuid:upload_id>": _PICTURE,
    "/h5/cases/<uuid:case_id>/documents/<uuid:document_id>.pdf": _PICTURE,
    "/h5/cases/<uuid:case_id>/documents/<uuid:document_id>/qr.png": _PICTURE,
    "/h5/drafts/<uuid:draft_id>/answers/<uuid:answer_id>.jpg": _PICTURE,
    "/h5/drafts/<uuid:draft_id>/photos/<uuid:upload_id>": _PICTURE,
    "/console/cases/<uuid:case_id>/news": "a part of the case's page, judged there",
    "/h5/oauth/start": _ELSEWHERE,
    "/h5/bind/<any(code, face, counter, verify):_form>": "the page of /h5/bind again, after a reload",
    "/h5/login/code": "the page of /h5/login again, judged in people/test_screens.py",
    "/h5/login/who": "reached by the button of /h5/login, judged in people/test_screens.py",
    "/console/cases/all": "the page of /console/cases with another list",
    "/console/cases/<uuid:case_id>/documents/<uuid:document_id>": "the citizen's paper in the console's frame",
    "/console/counter/new": "reached by its button, judged in console/test_counter_looks.py",
    "/console/counter/drafts/<uuid:draft_id>": "reached by its button, judged in console/test_counter_looks.py",
    "/console/calls/<uuid:delivery_id>": "reached by its link, judged in notifications/test_by_hand.py",
    "/console/visits/<uuid:delivery_id>": "as a call's page, judged in notifications/test_by_hand.py",
    "/console/account/factor": "reached by its button, judged in console/test_account.py",
    "/h5/organisations/<uuid:organisation_id>": "reached by binding, judged in portal/test_organisations.py",
    "/h5/agents/<uuid:authorisation_id>": "reached by authorising, judged in portal/test_on_behalf.py",
    "/h5/drafts/<uuid:draft_id>/household": "reached by its button, judged in portal/test_household.py",
    "/console/desk/rows": "a part of the desk's page, judged there",
    "/console/desk/tickets/<uuid:ticket_id>": "reached by checking in, judged in windows/test_hall.py",
    "/console/desk/tickets/<uuid:ticket_id>/qr.png": _PICTURE,
    "/h5/book/<service>/confirm/<uuid:hold_id>": "reached by choosing, judged in windows/test_booking_pages.py",
    "/console/counter/drafts/<uuid:draft_id>/household": _HOUSEHOLD,
    "/console/counter/households/<uuid:household_id>": _HOUSEHOLD,
    "/console/bookings/people/<uuid:citizen_id>/book/<service>": _COUNTER,
    "/console/bookings/people/<uuid:citizen_id>/appointments/<uuid:appointment_id>": _COUNTER,
    "/console/bookings/people/<uuid:citizen_id>/appointments/<uuid:appointment_id>/move": _COUNTER,
    "/console/ground/<any(groups, counters, desks, rules):kind>": "the page of one of them, empty",
    "/h5/pay/<uuid:order_id>": "reached by the case's button, judged in fees/test_story.py",
    "/h5/pay/<uuid:order_id>/result": "reached by paying, judged in fees/test_story.py",
    "/h5/pay/<uuid:order_id>/qr.png": _PICTURE,
    "/h5/households/<uuid:household_id>": "reached by sending, judged in portal/test_household.py",
}

_JUDGES = re.compile(r"\b(?:check_page|faults_of)\(")


def unseen(rules: set[str], sources: str) -> set[str]:
    """The routes whose address doesn't stand in the source of any test that judges pages."""
    return {rule for rule in rules if not _pattern(rule).search(sources)}


def _pattern(rule: str) -> re.Pattern[str]:
    pieces = re.split(r"(<[^>]+>)", rule)
    address = "".join(r"[^\"'/?\s]+" if piece.startswith("<") else re.escape(piece) for piece in pieces)
    return re.compile(rf"[\"'}}]{address}[\"'?#]")


def judging() -> str:
    """The source of every test that judges pages."""
    texts = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")]
    return "\n".join(text for text in texts if _JUDGES.search(text))


def test_every_page_is_looked_at_or_says_why_not(app: Flask) -> None:
    rules = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.rule.startswith(("/h5/", "/console/"))
    }
    found = unseen(rules, judging())
    assert found - set(REASONS) == set()
    assert set(REASONS) - found == set(), "a reason for a page that is looked at, or is none any more"


def test_a_page_that_nobody_looks_at_is_seen() -> None:
    rules = {"/h5/one", "/h5/two/<uuid:id_>", "/h5/three/<uuid:id_>/more"}
    sources = 'page.goto("/h5/one")\npage.goto(f"/h5/two/{one.id}?step=2")\npage.goto(f"/h5/three/{one.id}")'
    assert unseen(rules, sources) == {"/h5/three/<uuid:id_>/more"}
