"""What must hold whatever went wrong: asked of the database, of the partners' ledger and of the chain itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from tests.faults.installation import ONCE, Installation

#: What a partner says of a call that it took.
_TAKEN = ("ok", "accepted")
#: The notice that follows each act of a permit's life, by the act.
TOLD_OF: Mapping[str, str] = {
    "submit": "submitted",
    "accept": "accepted",
    "approve": "approved",
    "make": "made",
    "post": "posted",
    "complete": "completed",
}


def taken_twice(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Messages and orders that a partner took more than once: by our reference, and by whom they tell what."""
    found = []
    by_reference: Counter[tuple[str, str]] = Counter()
    by_words: Counter[tuple[str, str, str]] = Counter()
    for entry in entries:
        partner = entry["partner"]
        if ONCE.get(partner) != entry["operation"] or entry["outcome"] not in _TAKEN:
            continue
        by_reference[partner, entry["our_ref"]] += 1
        if partner != "ems":
            by_words[partner, entry["to"], entry["text"] or ""] += 1
    found += [f"{partner} took {ref} {count} times" for (partner, ref), count in by_reference.items() if count > 1]
    found += [f"{partner} told the same {count} times" for (partner, _, _), count in by_words.items() if count > 1]
    return found


def untold(installation: Installation) -> list[str]:
    """Acts of permits of which no notice was written, or more than one."""
    wrong = []
    events = installation.sql("SELECT case_id, action FROM case_event WHERE action = ANY(%s)", list(TOLD_OF))
    items = dict(installation.sql('SELECT id, item FROM "case"'))
    # What staff had told once more, since it reached nobody, is the same notice.
    first = "SELECT case_id, kind FROM notice n WHERE case_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM notice e"
    notices = Counter(installation.sql(f"{first} WHERE e.requeued_as = n.id)"))
    for case_id, action in events:
        if items[case_id] == "residence-permit-first" and notices[case_id, TOLD_OF[action]] != 1:
            wrong.append(f"{action} of case {case_id} was told {notices[case_id, TOLD_OF[action]]} times")
    return wrong


def broken_chains(installation: Installation) -> list[str]:
    """What the verification of the record finds; it raises where its command fails."""
    said = installation.command("audit", "verify")
    return [] if said["ok"] else [str(said)]


def cases_of(installation: Installation, citizen_ids: Sequence[str]) -> dict[str, list[UUID]]:
    """The permit cases of each citizen."""
    found: dict[str, list[UUID]] = {citizen: [] for citizen in citizen_ids}
    rows = installation.sql(
        'SELECT citizen_id, id FROM "case" WHERE item = %s AND citizen_id = ANY(%s::uuid[])',
        "residence-permit-first",
        list(citizen_ids),
    )
    for citizen, case_id in rows:
        found[str(citizen)].append(case_id)
    return found


def half_made(installation: Installation) -> list[str]:
    """Cases of which a part is missing: no first event, a draft that doesn't know that it was sent, no consent."""
    rows = installation.sql(
        """
        SELECT c.id, c.version,
               (SELECT count(*) FROM case_event e WHERE e.case_id = c.id),
               (SELECT count(*) FROM draft d WHERE d.case_id = c.id AND d.ended_at IS NOT NULL)
        FROM "case" c
        """
    )
    return [
        f"case {id_} has {events} events of {version} and {drafts} drafts"
        for id_, version, events, drafts in rows
        if events != version or drafts != 1
    ]


def open_tries(installation: Installation) -> list[tuple[Any, ...]]:
    """Tries that have something to do or to wait for: what is neither ended nor left to a person or the post."""
    return installation.sql(
        """
        SELECT id, channel, state, reason FROM delivery
        WHERE (state IN ('pending', 'sending') AND channel NOT IN ('call', 'visit', 'letter'))
           OR (state = 'uncertain' AND (due_at IS NOT NULL OR pass_on_at IS NOT NULL))
        """
    )


def accepted(
    installation: Installation, partner: str, to: str, words: str = "", after: int = 0
) -> list[dict[str, Any]]:
    """What a partner took for somebody that says these words."""
    return [
        entry
        for entry in installation.ledger(partner, after)
        if entry["operation"] == ONCE[partner]
        and entry["outcome"] in _TAKEN
        and entry["to"] == to
        and words in (entry["text"] or "")
    ]
