"""The world of notices, played by Hypothesis or by hand: facts, workers, partners, people with lists, the post."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import func, select, text, true

from citizen_services import clock
from citizen_services.database import Change, commit, db, new_id
from notifications import by_hand, ladder, outbox, queries, rows
from notifications.models import BY_HAND, LETTER, NOT_SENT, Delivery, Notice
from notifications.receipts.settlement import move
from tests.notifications.conftest import Outside, follower, somebody, tell
from tests.notifications.double import FATES, FIRED, Double, Killed
from tests.notifications.hands import work_through

FINAL = {"delivered", "failed", "expired", "cancelled"}


class NoticeMachine(RuleBasedStateMachine):
    """One person after another is told; the world does what it likes in between."""

    app: Flask
    partners: Outside
    double: Double

    def __init__(self) -> None:
        super().__init__()
        db.session.rollback()
        for table in ("delivery", "notice"):
            db.session.execute(text(f"DELETE FROM {table}"))
        commit()
        self.double.fates.clear()
        self.double.accepted.clear()
        self.double.sight = "shows"
        self.notices: dict[UUID, bool] = {}
        self.finals: dict[UUID, str] = {}
        #: The documents that go by letter.
        self.papers: list[UUID] = []

    # --- what happens

    @rule(in_wechat=st.booleans(), must=st.booleans(), on_paper=st.booleans())
    @precondition(lambda self: len(self.notices) < 4)
    def somebody_is_to_be_told(self, in_wechat: bool, must: bool, on_paper: bool = False) -> None:
        """A fact; ``on_paper``: law wants a letter as well."""
        FIRED["told"] += 1
        person = somebody()
        if in_wechat:
            follower(self.partners, person)
        notice = tell(person, *(("refuse",) if must else ()))
        self.notices[notice.id] = must
        if on_paper:
            change = Change(clock.now())
            self.papers.append(new_id())
            rows.add_delivery(
                change, LETTER, notice_id=notice.id, about=self.papers[-1], payload={}, must_be_known=must
            )
            change.write()
            commit()

    @rule(in_wechat=st.booleans(), must=st.booleans(), fate=st.sampled_from(sorted(FATES)))
    @precondition(lambda self: len(self.notices) < 6)
    def a_telling_meets_its_fate(self, in_wechat: bool, must: bool, fate: str) -> None:
        """A fact, and the first call that follows from it."""
        self.somebody_is_to_be_told(in_wechat, must)
        self.a_worker_runs("wechat" if in_wechat else "sms", [fate])

    @rule(
        channel=st.sampled_from(["wechat", "sms"]),
        fates=st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=4),
        at_once=st.integers(1, 3),
    )
    def a_worker_runs(self, channel: str, fates: list[str], at_once: int = 1) -> None:
        """Claims what is due and works through it, so many calls a round; it may be killed in the midst of one."""
        FIRED[f"worker {channel}"] += 1
        self.double.fates[:] = fates
        rows = outbox.claim(channel)
        try:
            work_through(rows, at_once)
        except Killed:
            FIRED["killed"] += 1
            db.session.rollback()
        self.double.fates.clear()

    @rule(sight=st.sampled_from(["shows", "away"]))
    def aliyun_can_be_asked_or_not(self, sight: str) -> None:
        """Its query service."""
        FIRED[f"aliyun {sight}"] += 1
        self.double.sight = sight

    @rule()
    def time_passes(self) -> None:
        """Everything that waits for a moment is due; what must be passed on is."""
        FIRED["time"] += 1
        db.session.execute(text("UPDATE delivery SET due_at = now() - interval '1 s' WHERE due_at IS NOT NULL"))
        commit()

    @rule()
    def leases_end(self) -> None:
        """Whoever held them is taken for dead."""
        FIRED["leases"] += 1
        db.session.execute(
            text("UPDATE delivery SET leased_until = now() - interval '1 s' WHERE leased_until IS NOT NULL")
        )
        commit()

    @rule()
    def ten_minutes_pass(self) -> None:
        """What waited too long is passed on."""
        FIRED["passed on"] += 1
        db.session.execute(
            text("UPDATE delivery SET pass_on_at = pass_on_at - interval '11 min' WHERE pass_on_at IS NOT NULL")
        )
        commit()
        ladder.pass_on_overdue()
        commit()

    @rule(delivered=st.booleans(), which=st.integers(0, 9), times=st.integers(1, 2))
    def a_receipt_comes(self, delivered: bool, which: int, times: int) -> None:
        """Of something that was accepted; early, late, twice, contradicting an earlier one."""
        refs = sorted(self.double.accepted)
        if not refs:
            return
        FIRED[f"receipt {delivered}"] += 1
        for _ in range(times):
            move(UUID(refs[which % len(refs)]), delivered, "TEST", None)
            commit()

    @rule()
    def days_pass(self) -> None:
        """No receipt came, and nobody had the time to call: the next rung has its turn."""
        FIRED["days"] += 1
        db.session.execute(
            text("UPDATE delivery SET pass_on_at = pass_on_at - interval '4 days' WHERE pass_on_at IS NOT NULL")
        )
        db.session.execute(text("UPDATE delivery SET sent_at = sent_at - interval '2 days' WHERE state = 'sent'"))
        commit()
        ladder.pass_on_overdue()
        commit()

    @rule(rung=st.sampled_from(sorted(BY_HAND)), result=st.sampled_from(["told", "not_reached", "refused"]))
    def somebody_goes_through_a_list(self, rung: Any, result: Any) -> None:
        """Calls or visits whoever stands on it."""
        for row in by_hand.waiting(rung, true()):
            FIRED[f"{rung}: {result}"] += 1
            by_hand.note(rung, row.id, result)
            commit()

    @rule(
        results=st.lists(st.sampled_from(["told", "not_reached", "refused"]), min_size=1, max_size=4),
        visits=st.lists(st.sampled_from(["told", "not_reached", "refused"]), max_size=4),
    )
    @precondition(lambda self: len(self.notices) < 6)
    def a_message_fails_and_people_go_on(self, results: list[Any], visits: list[Any]) -> None:
        """Somebody whom no machine reaches is called, and visited."""
        self.somebody_is_to_be_told(False, True)
        self.a_worker_runs("sms", ["refused"])
        for rung, came in (("call", results), ("visit", visits)):
            for result in came:
                self.somebody_goes_through_a_list(rung, result)

    @rule()
    @precondition(lambda self: len(self.notices) < 6)
    def a_receipt_comes_after_the_next_rung_was_chosen(self) -> None:
        """WeChat says so late that it arrived, when the SMS waits already."""
        before = set(self.notices)
        self.somebody_is_to_be_told(True, True)
        self.a_worker_runs("wechat", [])
        self.days_pass()
        mine = select(Delivery.id).where(
            Delivery.notice_id.in_(set(self.notices) - before), Delivery.channel == "wechat"
        )
        for id_ in db.session.scalars(mine.order_by(Delivery.id)).all():
            if self.double.accepted[str(id_)]:
                FIRED["receipt late"] += 1
                move(id_, True, "TEST", None)
        commit()

    @rule(what=st.sampled_from(["posted", "signed", "in vain"]), which=st.integers(0, 9))
    def the_post_does_its_part(self, what: str, which: int) -> None:
        """A letter is handed over, signed for, or came to nothing as often as it is tried."""
        if not self.papers:
            return
        FIRED[f"letter {what}"] += 1
        do = {"posted": ladder.letter_posted, "signed": ladder.letter_signed, "in vain": ladder.letter_in_vain}[what]
        do(self.papers[which % len(self.papers)])
        commit()

    @rule(what=st.sampled_from(["posted", "signed", "in vain"]), result=st.sampled_from(["told", "refused"]))
    @precondition(lambda self: len(self.notices) < 6)
    def a_letter_is_waited_for(self, what: str, result: Any) -> None:
        """Somebody whom no message reaches is called while the letter is under way."""
        self.somebody_is_to_be_told(False, True, True)
        self.a_worker_runs("sms", ["refused"])
        self.somebody_goes_through_a_list("call", result)
        self.the_post_does_its_part(what, len(self.papers) - 1)

    # --- what must always be so

    @invariant()
    def nobody_is_told_twice_on_a_channel(self) -> None:
        """Counted as what the partner accepted, by our reference."""
        twice = {ref: times for ref, times in self.double.accepted.items() if times > 1}
        assert not twice, twice

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        """Of notices and tries alike."""
        db.session.rollback()
        for table in (Notice, Delivery):
            for id_, state in db.session.execute(select(table.id, table.state)):
                assert self.finals.setdefault(id_, state) == state or self.finals[id_] not in FINAL
                self.finals[id_] = state
        db.session.rollback()

    @invariant()
    def a_person_is_told_once(self) -> None:
        """One success a notice; whoever knows is not called, visited or written to any more."""
        successes = (
            select(Delivery.notice_id).where(Delivery.state == "delivered").group_by(Delivery.notice_id)
        ).having(func.count() > 1)
        assert not db.session.scalars(successes).all()
        knows = select(Notice.id).where(Notice.id == Delivery.notice_id, Notice.state == "delivered").exists()
        waits = select(Delivery.channel).where(Delivery.state == "pending", Delivery.channel != LETTER, knows)
        assert not db.session.scalars(waits).all(), "somebody is told though they know"
        db.session.rollback()

    @invariant()
    def none_is_forgotten(self) -> None:
        """Each notice has ended, was taken by a partner, or something is due, leased or doubtful by rule."""
        assert set(db.session.scalars(select(Notice.id))) == set(self.notices)
        for delivery in db.session.execute(select(Delivery.state, Delivery.due_at, Delivery.leased_until,
                                                  Delivery.channel, Delivery.reason, Delivery.notice_id)):  # fmt: skip
            if delivery.state == "pending" and delivery.channel not in NOT_SENT:
                assert delivery.due_at is not None, delivery.reason
            if delivery.state == "sending":
                assert delivery.leased_until is not None
            if delivery.state == "uncertain" and delivery.channel == "sms":
                called = select(func.count()).where(
                    Delivery.notice_id == delivery.notice_id, Delivery.channel.in_(BY_HAND)
                )
                known = delivery.due_at is not None or delivery.leased_until is not None
                assert known or db.session.scalar(called), delivery.reason
        db.session.rollback()

    @invariant()
    def a_failed_channel_hands_over(self) -> None:
        """Where WeChat ended in vain the SMS has its turn; then, of what must be known, the caller, and the visitor."""
        lost = select(Delivery.notice_id, Delivery.channel).where(Delivery.state == "failed")
        for notice_id, rung in db.session.execute(lost).all():
            following = ladder.NEXT.get(rung)
            if following is None or notice_id is None or (following in BY_HAND and not self.notices[notice_id]):
                continue
            if following == "visit" and self._goes_on_below(notice_id):
                continue
            tries = select(func.count()).where(Delivery.notice_id == notice_id, Delivery.channel == following)
            assert db.session.scalar(tries) == 1, (rung, following)
        db.session.rollback()

    @invariant()
    def no_letter_is_called_back(self) -> None:
        """Law wants it, whatever else told its person: only a success of its own after another one is none."""
        rung = Delivery.channel == LETTER
        ended = select(Delivery.reason).where(rung, Delivery.state == "cancelled")
        assert set(db.session.scalars(ended)) <= {ladder.TOLD_ALREADY}
        db.session.rollback()

    @staticmethod
    def _goes_on_below(notice_id: UUID) -> bool:
        """Whether a call or a letter is still to come to an end before somebody visits, or the person knows."""
        query = select(Delivery.channel, Delivery.state).where(Delivery.notice_id == notice_id)
        states = {row.channel: row.state for row in db.session.execute(query)}
        known = db.session.scalar(select(Notice.state).where(Notice.id == notice_id)) == "delivered"
        called = states.get("call") in ("failed", "cancelled")
        return known or not called or states.get(LETTER) in ("pending", "sent")

    def teardown(self) -> None:
        """When the world behaves again, everybody who must be told is, or stands on the list of the untold."""
        self.double.sight = "shows"
        for _ in range(8):
            self.leases_end()
            self.time_passes()
            self.ten_minutes_pass()
            for channel in ("wechat", "sms"):
                self.a_worker_runs(channel, [])
        for _ in range(5):
            self.days_pass()
            self.leases_end()
            self.time_passes()
            self.a_worker_runs("sms", [])
        for number in range(len(self.papers)):
            self.the_post_does_its_part("in vain", number)
        self.nobody_is_told_twice_on_a_channel()
        self.somebody_goes_through_a_list("visit", "told")
        self.a_person_is_told_once()
        db.session.rollback()
        for notice_id, must in self.notices.items():
            state = db.session.scalar(select(Notice.state).where(Notice.id == notice_id))
            listed = set(db.session.scalars(select(Delivery.notice_id).where(*queries._dead())))
            tries = db.session.execute(
                select(Delivery.id, Delivery.state, Delivery.channel).where(Delivery.notice_id == notice_id)
            ).all()
            open_states = {"sent", "delivered", "uncertain", "failed", "cancelled"}
            assert {one.state for one in tries} <= open_states, "something is stuck"
            by_people = any(one.channel in NOT_SENT and one.state == "delivered" for one in tries)
            if state in ("sent", "delivered"):
                taken = any(self.double.accepted[str(one.id)] for one in tries)
                assert taken or by_people, "noted as told, and nobody was"
            if must:
                known = state == "delivered" or notice_id in listed
                assert known, f"left on the way: {[(one.channel, one.state) for one in tries]}"
            else:
                assert state in ("sent", "delivered", "uncertain", "failed")
        db.session.rollback()


INVARIANTS = (
    NoticeMachine.nobody_is_told_twice_on_a_channel,
    NoticeMachine.what_has_ended_stays_as_it_ended,
    NoticeMachine.a_person_is_told_once,
    NoticeMachine.none_is_forgotten,
    NoticeMachine.a_failed_channel_hands_over,
    NoticeMachine.no_letter_is_called_back,
)
