"""Tables of cases."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Sequence, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, SecretJSON, new_id, timestamp


class Case(Base):
    """One application in progress (办件). Only the engine writes here, each time with a guard on ``version``."""

    __tablename__ = "case"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: The name that people use for it; not a key to it.
    number: Mapped[str] = mapped_column(Text, unique=True)
    #: District that the row belongs to (GB/T 2260).
    district: Mapped[str] = mapped_column(Text)
    item: Mapped[str] = mapped_column(Text)
    #: Version of the declaration that the case stays on.
    item_version: Mapped[int] = mapped_column()
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    #: ``wechat``, ``web``, ``counter``.
    door: Mapped[str] = mapped_column(Text)
    #: One of the declaration's states.
    state: Mapped[str] = mapped_column(Text)
    #: Number of events; each act names the version that it was decided on.
    version: Mapped[int] = mapped_column()
    #: The office that the case belongs to (station of the address).
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    #: The office in whose queue it stands now; None where nobody of ours has to act.
    desk_code: Mapped[str | None] = mapped_column(ForeignKey("office.code"))
    #: What was filled in: ``{group: {field: value}}``.
    data: Mapped[Any] = mapped_column(SecretJSON("case.data"))
    #: Ids of the register answers that it rests on: ``{source.topic: id}``.
    answers: Mapped[Any] = mapped_column(SecretJSON("case.answers"))
    #: What steps left behind for later ones: ``{card_number: …}``.
    results: Mapped[Any] = mapped_column(SecretJSON("case.results"))
    #: Who holds it, and until when (a lease); None = anybody of the desk.
    claimed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    claimed_until: Mapped[datetime | None] = mapped_column(timestamp)
    submitted_at: Mapped[datetime] = mapped_column(timestamp)
    accepted_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: When the last act was done.
    moved_at: Mapped[datetime] = mapped_column(timestamp)
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: The three clocks: 24:00 of the last day. ``*_met_at`` = stopped for good.
    first_answer_due: Mapped[datetime | None] = mapped_column(timestamp)
    first_answer_met_at: Mapped[datetime | None] = mapped_column(timestamp)
    statutory_due: Mapped[datetime | None] = mapped_column(timestamp)
    promised_due: Mapped[datetime | None] = mapped_column(timestamp)
    result_met_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: Whether a date rests on a calendar that isn't published yet.
    due_provisional: Mapped[bool] = mapped_column(default=False)
    #: The earliest clock that is running: what lists are ordered by.
    next_due: Mapped[datetime | None] = mapped_column(timestamp)
    #: Real visits recorded so far.
    visits: Mapped[int] = mapped_column(default=0)
    #: Mark of the newest event: the chain's head.
    head: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("ix_case_citizen_id_submitted_at", "citizen_id", "submitted_at"),
        Index("ix_case_desk_open", "desk_code", "next_due", "id", postgresql_where=text("desk_code IS NOT NULL")),
        Index("ix_case_office_code_submitted_at", "office_code", "submitted_at", "id"),
        # Most of an office's cases have ended: the few in another state are not to be looked for among them.
        Index("ix_case_office_code_state", "office_code", "state", "submitted_at", "id"),
        # What supervision adds up and lists: what ended in a month, what of it took a visit or was refused.
        Index(
            "ix_case_office_code_ended_at",
            "office_code",
            "ended_at",
            "id",
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
        Index(
            "ix_case_visited",
            "office_code",
            "ended_at",
            "id",
            postgresql_where=text("ended_at IS NOT NULL AND visits > 0"),
        ),
        Index(
            "ix_case_refused",
            "office_code",
            "ended_at",
            "id",
            postgresql_where=text("state IN ('declined', 'refused', 'revoked')"),
        ),
        Index("ix_case_claimed", "claimed_by", "next_due", "id", postgresql_where=text("claimed_by IS NOT NULL")),
        # A person has one open case of an item; declared items that allow more write another value.
        Index("uq_case_open_per_person", "citizen_id", "item", unique=True, postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("visits >= 0", name="visits"),
    )


class CaseEvent(Base):
    """One act in a case's life. Chained by marks: altered, reordered, inserted or missing ones are found."""

    __tablename__ = "case_event"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"))
    #: 1 for the first; equals the case's version after the act.
    seq: Mapped[int] = mapped_column()
    at: Mapped[datetime] = mapped_column(timestamp)
    #: ``citizen``, ``staff``, ``system``.
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[UUID | None] = mapped_column()
    #: For staff: the office and role acted in; for the system: the name of what made it act.
    actor_office: Mapped[str | None] = mapped_column(Text)
    actor_role: Mapped[str | None] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    from_state: Mapped[str | None] = mapped_column(Text)
    to_state: Mapped[str] = mapped_column(Text)
    #: What was given with the action.
    data: Mapped[Any] = mapped_column(SecretJSON("case_event.data"))
    #: Mark over this event's content and the mark before it.
    mark: Mapped[bytes] = mapped_column(LargeBinary)
    #: The district-wide seal that covers it.
    seal_id: Mapped[int | None] = mapped_column(ForeignKey("seal.id"))

    __table_args__ = (
        Index("uq_case_event_case_id_seq", "case_id", "seq", unique=True),
        Index("ix_case_event_unsealed", "id", postgresql_where=text("seal_id IS NULL")),
        CheckConstraint("seq >= 1", name="seq"),
        CheckConstraint("actor_kind IN ('citizen', 'staff', 'system')", name="actor_kind"),
    )


class Seal(Base):
    """A district-wide mark over the heads of the cases that changed since the one before."""

    __tablename__ = "seal"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(timestamp)
    #: ``[[case id, seq, head (hex)], …]`` in order of case id.
    heads: Mapped[Any] = mapped_column(SecretJSON("seal.heads"))
    #: Mark over ``heads`` and the seal before.
    mark: Mapped[bytes] = mapped_column(LargeBinary)


#: Case numbers are taken from a sequence: nobody waits for anybody, and a number lost to a rollback harms nobody.
case_number_sequence = Sequence("case_number_seq", metadata=Base.metadata)


class Draft(Base):
    """An application that was begun and not yet sent; one open draft a person and item."""

    __tablename__ = "draft"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    item: Mapped[str] = mapped_column(Text)
    item_version: Mapped[int] = mapped_column()
    door: Mapped[str] = mapped_column(Text)
    #: What was filled in so far: ``{group: {field: value}}``.
    data: Mapped[Any] = mapped_column(SecretJSON("draft.data"))
    #: Groups that were saved without errors, in order.
    done: Mapped[Any] = mapped_column(SecretJSON("draft.done"))
    #: Ids of the register answers shown: ``{source.topic: id}``.
    answers: Mapped[Any] = mapped_column(SecretJSON("draft.answers"))
    started_at: Mapped[datetime] = mapped_column(timestamp)
    saved_at: Mapped[datetime] = mapped_column(timestamp)
    #: Raised at each save: two tabs don't overwrite one another unseen.
    version: Mapped[int] = mapped_column()
    #: What was typed and not yet saved, as it was typed: ``{group: {field: text}}``. Shown again to its person, never
    #: sent.
    typed: Mapped[Any | None] = mapped_column(SecretJSON("draft.typed"))
    #: The questions as they were when they were answered: ``{group: {field: [label, fingerprint]}}``. Where the
    #: declaration asks otherwise by now, the group is looked at again.
    shapes: Mapped[Any | None] = mapped_column(SecretJSON("draft.shapes"))
    #: When its person was reminded that it waits: once.
    reminded_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: The case that it became, or the day on which it was thrown away.
    case_id: Mapped[UUID | None] = mapped_column()
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_draft_open", "citizen_id", "item", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("ix_draft_waiting", "saved_at", postgresql_where=text("ended_at IS NULL AND reminded_at IS NULL")),
    )


class Document(Base):
    """A numbered writing of ours about a case (受理凭证, 居住登记回执 …), with its text and hash."""

    __tablename__ = "document"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: Printed on it.
    number: Mapped[str] = mapped_column(Text, unique=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"), index=True)
    #: ``voucher``, ``registration_receipt`` …
    kind: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    #: ``{paragraphs: [...]}`` as it was issued.
    content: Mapped[Any] = mapped_column(SecretJSON("document.content"))
    #: SHA-256 of the content's canonical JSON.
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    #: Mark under the installation's key over number, kind, title, hash, office and time.
    mark: Mapped[bytes] = mapped_column(LargeBinary)
    issued_by: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(timestamp)


class Visit(Base):
    """A person came to one of our offices: what at-most-one-trip is counted by. One row a presence."""

    __tablename__ = "visit"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    at: Mapped[datetime] = mapped_column(timestamp)
    #: How we know: ``case`` (its QR code or number), ``id_number`` (typed or read from the card), ``step`` (an act that
    #: needs the person), ``ticket`` (called to a counter); ``home``: somebody of the office came to them, which is
    #: nobody's trip.
    known_by: Mapped[str] = mapped_column(Text)
    #: Who of the staff noted it.
    noted_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    #: Who of the staff compared the person with the identity card, and when.
    card_seen_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    card_seen_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("ix_visit_citizen_id_at", "citizen_id", "at"),
        CheckConstraint("known_by IN ('case', 'id_number', 'step', 'ticket', 'home')", name="known_by"),
        CheckConstraint("(card_seen_by IS NULL) = (card_seen_at IS NULL)", name="card_seen"),
    )


class VisitCase(Base):
    """A case that was served in a visit: a visit is shared by all of them, and counts once for each."""

    __tablename__ = "visit_case"
    visit_id: Mapped[UUID] = mapped_column(ForeignKey("visit.id"), primary_key=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"), primary_key=True, index=True)
    #: Whether the person chose to come for this case though a way without a visit exists.
    by_choice: Mapped[bool] = mapped_column()


class Rating(Base):
    """What a person thinks of how their case went (好差评): once a case, of their own accord."""

    __tablename__ = "rating"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"), unique=True)
    #: The office that is rated: the case's.
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    #: 5 (very content) to 1 (not at all).
    grade: Mapped[int] = mapped_column()
    words: Mapped[str | None] = mapped_column(Secret("rating.words"))
    #: ``wechat``, ``web``, ``api``.
    door: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(timestamp)
    #: When a contest was upheld: it is kept, and counts in no rate any more.
    set_aside_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("ix_rating_office_code_at", "office_code", "at"),
        Index("ix_rating_set_aside", "at", postgresql_where=text("set_aside_at IS NOT NULL")),
        CheckConstraint("grade BETWEEN 1 AND 5", name="grade"),
    )


class Rectification(Base):
    """A bad rating is to be put right (整改): the person is called back, what is done is noted, by a date."""

    __tablename__ = "rectification"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    rating_id: Mapped[UUID] = mapped_column(ForeignKey("rating.id"), unique=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"))
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    #: ``open``, ``done``; ``contested`` while its rating is (the clock stands still), ``dropped`` where a contest was
    #: upheld.
    state: Mapped[str] = mapped_column(Text)
    #: 24:00 of the last day; whether it rests on a calendar that isn't published yet.
    due: Mapped[datetime] = mapped_column(timestamp)
    due_provisional: Mapped[bool] = mapped_column()
    #: The call-back (回访): when, by whom, what was said.
    called_at: Mapped[datetime | None] = mapped_column(timestamp)
    called_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    call_note: Mapped[str | None] = mapped_column(Secret("rectification.call_note"))
    #: What was put right.
    done_at: Mapped[datetime | None] = mapped_column(timestamp)
    done_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    measures: Mapped[str | None] = mapped_column(Secret("rectification.measures"))

    __table_args__ = (
        Index("ix_rectification_open", "office_code", "due", postgresql_where=text("state = 'open'")),
        CheckConstraint("state IN ('open', 'contested', 'done', 'dropped')", name="state"),
        CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done"),
    )


class Recusal(Base):
    """Somebody of the staff keeps away from a case in which they have a part (回避): said by themselves, for good."""

    __tablename__ = "recusal"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"))
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    #: Where they worked then.
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    reason: Mapped[str] = mapped_column(Secret("recusal.reason"))
    at: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (Index("uq_recusal_case_id_staff_id", "case_id", "staff_id", unique=True),)


class Correction(Base):
    """A request to mend what was handed in (补正): exactly which fields and materials, why, and until when."""

    __tablename__ = "correction"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("case.id"), index=True)
    asked_at: Mapped[datetime] = mapped_column(timestamp)
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    #: ``[{code: group.field or material, why}]``: everything at once.
    items: Mapped[Any] = mapped_column(SecretJSON("correction.items"))
    #: Why something is asked for that an earlier request did not name; counted for the supervisor.
    new_because: Mapped[str | None] = mapped_column(Secret("correction.new_because"))
    #: What the person typed in answer and has not sent: ``{field: text}``. Shown again to them, never sent.
    typed: Mapped[Any | None] = mapped_column(SecretJSON("correction.typed"))
    #: 24:00 of the last day; whether it rests on a calendar that isn't published yet.
    due: Mapped[datetime] = mapped_column(timestamp)
    due_provisional: Mapped[bool] = mapped_column()
    #: ``open``, ``answered``, ``lapsed`` or ``dropped`` (the case ended otherwise).
    state: Mapped[str] = mapped_column(Text)
    #: When a receipt or a noted call showed that the person knows: without it nothing lapses.
    reached_at: Mapped[datetime | None] = mapped_column(timestamp)
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_correction_open", "case_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_correction_asked_at", "asked_at", "id"),
        Index("ix_correction_due", "due", postgresql_where=text("state = 'open' AND reached_at IS NOT NULL")),
        CheckConstraint("state IN ('open', 'answered', 'lapsed', 'dropped')", name="state"),
    )
