"""Tables of people."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp


class Office(Base):
    """A police station, the service centre: where cases are worked on."""

    __tablename__ = "office"
    #: The code that the standard-address register and others know it by.
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    #: As citizens know it: 岳林派出所.
    name: Mapped[str] = mapped_column(Text)
    #: ``station``, ``service_centre``, ``traffic``.
    kind: Mapped[str] = mapped_column(Text)
    #: The district that it belongs to (GB/T 2260).
    district: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    #: A landline that citizens may call.
    phone: Mapped[str] = mapped_column(Text)
    #: The streets and towns that it serves, as citizens know them: 岳林街道、江口街道. Empty for a service centre.
    serves: Mapped[str] = mapped_column(Text, default="", server_default="")

    __table_args__ = (CheckConstraint("kind IN ('station', 'service_centre', 'traffic')", name="kind"),)


class Staff(Base):
    """Somebody who works at an office."""

    __tablename__ = "staff"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: The name typed at login.
    login: Mapped[str] = mapped_column(Text, unique=True)
    #: Argon2id.
    password_hash: Mapped[str] = mapped_column(Text)
    #: The person's name as colleagues see it.
    name: Mapped[str] = mapped_column(Secret("staff.name"))
    #: ``officer`` (decides), ``auxiliary`` (prepares under a named officer), ``civilian``.
    standing: Mapped[str] = mapped_column(Text)
    #: The named officer under whom an auxiliary works.
    under_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), index=True)
    #: Whether the password was drawn by somebody else: it opens nothing but the page to change it.
    must_change_password: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    #: Machine time of the newest password that is known to have been set.
    password_changed_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: A person who left is kept, and can't log in.
    active: Mapped[bool] = mapped_column(default=True)
    #: Ends every session of this person when it is raised.
    epoch: Mapped[int] = mapped_column(default=0)
    #: Keyed hash of the person's own identity number: nobody works on their own case.
    id_lookup: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (
        CheckConstraint("standing IN ('officer', 'auxiliary', 'civilian')", name="standing"),
        CheckConstraint("standing <> 'auxiliary' OR under_id IS NOT NULL", name="auxiliary_under_officer"),
    )


class RoleGrant(Base):
    """A role that a member of staff has."""

    __tablename__ = "role_grant"
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    #: ``clerk, approver, supervisor, planner, cashier, editor, reception, community_officer, data_officer, …``
    role: Mapped[str] = mapped_column(Text, primary_key=True)


class StaffRelation(Base):
    """A near relative of somebody of the staff, declared by themselves: they work on no case of that person's."""

    __tablename__ = "staff_relation"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    id_number: Mapped[str] = mapped_column(Secret("staff_relation.id_number"))
    #: Keyed hash of the number, as citizens have it.
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary)
    #: One of ``relations.KINDS``.
    kind: Mapped[str] = mapped_column(Secret("staff_relation.kind"))
    declared_at: Mapped[datetime] = mapped_column(timestamp)
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index(
            "uq_staff_relation_current", "staff_id", "id_lookup", unique=True, postgresql_where=text("ended_at IS NULL")
        ),
    )


class Citizen(Base):
    """A living person whose identity was proved: by the population register and a face check, or at a counter."""

    __tablename__ = "citizen"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Secret("citizen.name"))
    #: Keyed hash of the normalised full name.
    name_lookup: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    id_number: Mapped[str] = mapped_column(Secret("citizen.id_number"))
    #: Keyed hash of the number: one citizen a number.
    id_lookup: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    phone: Mapped[str] = mapped_column(Secret("citizen.phone"))
    phone_lookup: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    #: Where the household is registered, from the population register (GB/T 2260).
    hukou_code: Mapped[str] = mapped_column(Text)
    hukou_address: Mapped[str] = mapped_column(Secret("citizen.hukou_address"))
    gender: Mapped[str] = mapped_column(Text)
    birth_date: Mapped[date] = mapped_column()
    #: Whether the person wishes pages in large type (长辈版), wherever they log in; None until they ever chose.
    large_type: Mapped[bool | None] = mapped_column()
    #: ``face``, ``counter``, or ``guardian``: a child whose guardian the population register shows.
    proved_by: Mapped[str] = mapped_column(Text)
    proved_at: Mapped[datetime] = mapped_column(timestamp)
    #: Ends every session of this person when it is raised.
    epoch: Mapped[int] = mapped_column(default=0)

    __table_args__ = (CheckConstraint("proved_by IN ('face', 'counter', 'guardian')", name="proved_by"),)


class WeChatBinding(Base):
    """A follower's openid belongs to a citizen."""

    __tablename__ = "wechat_binding"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: Case-sensitive name of the follower within our account.
    openid: Mapped[str] = mapped_column(Text)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    bound_at: Mapped[datetime] = mapped_column(timestamp)
    ended_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_wechat_binding_openid_current", "openid", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index(
            "uq_wechat_binding_citizen_current", "citizen_id", unique=True, postgresql_where=text("ended_at IS NULL")
        ),
    )


class BindingRequest(Base):
    """A binding under way: who somebody says to be, and how far that is proved."""

    __tablename__ = "binding_request"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: The session that began it: only there a photo may finish it. A visit to a counter may outlast it.
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("session.id", ondelete="SET NULL"), index=True)
    openid: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Secret("binding_request.name"))
    id_number: Mapped[str] = mapped_column(Secret("binding_request.id_number"))
    phone: Mapped[str] = mapped_column(Secret("binding_request.phone"))
    #: ``guardian`` (a child's: no register is asked before a guardian has agreed), ``face`` (to be shown by a photo),
    #: ``refused`` (the register disagrees, or no photo matched: only a counter can help), ``counter`` (will come to a
    #: counter), ``done``.
    state: Mapped[str] = mapped_column(Text)
    #: Six digits to say at the counter: as the person's page shows them, and their keyed hash to find them by.
    counter_code: Mapped[str | None] = mapped_column(Secret("binding_request.counter_code"))
    counter_lookup: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    #: How many photos were tried.
    attempts: Mapped[int] = mapped_column(default=0)
    #: When the person agreed, separately, to the comparison of faces.
    face_agreed_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: Of a child: six digits that the guardian types in their own account, and their keyed hash.
    guardian_code: Mapped[str | None] = mapped_column(Secret("binding_request.guardian_code"))
    guardian_lookup: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    #: The guardian who found it, what they are (``father``, ``mother``, ``other``), when they agreed (business time).
    guardian_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"))
    guardian_relation: Mapped[str | None] = mapped_column(Text)
    guardian_agreed_at: Mapped[datetime | None] = mapped_column(timestamp)
    #: Whether the guardian also agreed to the comparison of the child's face.
    guardian_face: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    #: Who it turned out to be.
    citizen_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"))
    #: Business time of the beginning, at which the notice on personal data was read; machine time of its end.
    at: Mapped[datetime] = mapped_column(timestamp)
    expires_at: Mapped[datetime] = mapped_column(timestamp, index=True)

    __table_args__ = (CheckConstraint("state IN ('guardian', 'face', 'counter', 'done', 'refused')", name="state"),)


class Session(Base):
    """Somebody who is logged in somewhere: the cookie carries the token, this row what it stands for."""

    __tablename__ = "session"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: SHA-256 of the cookie's token.
    token: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    #: ``citizen`` or ``staff``.
    kind: Mapped[str] = mapped_column(Text)
    citizen_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"), index=True)
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"), index=True)
    #: The WeChat follower, known by OAuth, bound or not.
    openid: Mapped[str | None] = mapped_column(Text)
    #: A phone proved by a code in this session.
    phone: Mapped[str | None] = mapped_column(Secret("session.phone"))
    #: The person's epoch at login.
    epoch: Mapped[int] = mapped_column(default=0)
    #: Whether the password was right and the second factor is still to be shown: until then it stands for nobody.
    factor_pending: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    #: Machine times.
    created_at: Mapped[datetime] = mapped_column(timestamp)
    seen_at: Mapped[datetime] = mapped_column(timestamp)
    expires_at: Mapped[datetime] = mapped_column(timestamp, index=True)

    __table_args__ = (
        CheckConstraint("kind IN ('citizen', 'staff')", name="kind"),
        CheckConstraint("(kind = 'staff') = (staff_id IS NOT NULL)", name="staff"),
    )


class ApiKey(Base):
    """A key of the machine door: what another program may do there in the name of one member of the staff."""

    __tablename__ = "api_key"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: What it is for, as the people who answer for it know it.
    name: Mapped[str] = mapped_column(Text)
    #: SHA-256 of the key, which is shown once and stored nowhere.
    token: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    #: In whose name it acts: never more than that account may do itself.
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    #: What of it the key may do: names of people.api_keys.SCOPES.
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    #: Requests a minute.
    per_minute: Mapped[int] = mapped_column()
    #: Who asked for it; another one let it be. Without the second it opens nothing.
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    #: Machine times.
    created_at: Mapped[datetime] = mapped_column(timestamp)
    expires_at: Mapped[datetime] = mapped_column(timestamp)
    revoked_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (
        CheckConstraint("approved_by IS NULL OR approved_by <> asked_by", name="four_eyes"),
        CheckConstraint("per_minute > 0", name="per_minute"),
    )


class PhoneCode(Base):
    """A six-digit code sent to a phone: hashed, bound to phone and purpose, used once, for some minutes."""

    __tablename__ = "phone_code"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    phone_lookup: Mapped[bytes] = mapped_column(LargeBinary)
    #: ``login``, ``bind`` or ``authorise``.
    purpose: Mapped[str] = mapped_column(Text)
    #: Keyed hash of phone, purpose and code.
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    #: Wrong tries so far; at five it is dead.
    attempts: Mapped[int] = mapped_column(default=0)
    #: Machine times.
    at: Mapped[datetime] = mapped_column(timestamp)
    expires_at: Mapped[datetime] = mapped_column(timestamp)
    used_at: Mapped[datetime | None] = mapped_column(timestamp)

    __table_args__ = (Index(None, "phone_lookup", "purpose", "at"),)


class Attempt(Base):
    """A try at something that is limited (logins, codes, bindings), counted by keyed subject, machine time."""

    __tablename__ = "attempt"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: ``staff_login``, ``send_code``, ``check_code``, ``whose_phone``, ``bind``, ``face``, ``counter_bind``,
    #: ``counter_find``, ``guardian``, ``authorise``, ``organisation``, ``worker_report``, ``own_password``,
    #: ``second_factor``.
    kind: Mapped[str] = mapped_column(Text)
    #: Keyed hash of what is limited: login, phone, address.
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    succeeded: Mapped[bool] = mapped_column()
    at: Mapped[datetime] = mapped_column(timestamp)

    # The second finds what is old enough to be removed.
    __table_args__ = (Index(None, "kind", "subject", "at"), Index(None, "at"))


class OAuthState(Base):
    """One way to WeChat's authorize page and back: single use, bound to the browser that set out."""

    __tablename__ = "oauth_state"
    #: SHA-256 of the state parameter.
    state: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    #: SHA-256 of the token in that browser's cookie.
    browser: Mapped[bytes] = mapped_column(LargeBinary)
    #: A path of ours to go on to.
    next_path: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(timestamp)
    used_at: Mapped[datetime | None] = mapped_column(timestamp)


class Consent(Base):
    """What a person agreed to, in which words, when."""

    __tablename__ = "consent"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    #: ``notice`` (personal data), ``face``, ``commitment``, ``electronic_service``; of a child ``guardian`` and
    #: ``guardian_face``.
    purpose: Mapped[str] = mapped_column(Text)
    #: The sentence that was shown.
    words: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(timestamp)
    #: Who agreed where it wasn't the person: a child's guardian.
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("citizen.id"))
    #: ``electronic_service`` of one case alone, and since when it holds no more (business time).
    case_id: Mapped[UUID | None] = mapped_column()
    withdrawn_at: Mapped[datetime | None] = mapped_column(timestamp)

    # A guardian's children are few among all that everybody agreed to.
    __table_args__ = (Index("ix_consent_by_id", "by_id", postgresql_where=text("by_id IS NOT NULL")),)


class Look(Base):
    """Somebody of the staff saw a person's data.

    Who, of which office, in which role, why, when. Kept, never changed.
    """

    __tablename__ = "look"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(timestamp)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"))
    #: The role in which it was seen.
    role: Mapped[str] = mapped_column(Text)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"))
    #: No foreign key: a look outlives what was looked at.
    case_id: Mapped[UUID | None] = mapped_column()
    #: ``opened`` (a case), ``unmasked`` (a field), ``searched``, ``bound`` (at a counter), ``exported``.
    what: Mapped[str] = mapped_column(Text)
    #: Why, in words of whoever looked, who may have named somebody; or ``handling`` for whoever works on the case.
    reason: Mapped[str] = mapped_column(Secret("look.reason"))

    # Read newest first: all looks at a person, or those at one case.
    __table_args__ = (
        Index("ix_look_citizen_id_at", "citizen_id", "at", "id"),
        Index("ix_look_citizen_id_case_id_at", "citizen_id", "case_id", "at", "id"),
    )
