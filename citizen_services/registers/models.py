"""Tables of what cases result in."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from citizen_services.database import Base, Secret, new_id, timestamp


class ResidenceRegistration(Base):
    """A person declared where they live (居住登记); the half year counts from the day of declaring."""

    __tablename__ = "residence_registration"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    #: Printed on the receipt.
    number: Mapped[str] = mapped_column(Text, unique=True)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    #: No foreign key: the register outlives the case files.
    case_id: Mapped[UUID] = mapped_column()
    #: Standard address (empty where it was typed by hand) and the address's text, room included.
    address_code: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Secret("residence_registration.address"))
    #: ``rented, dormitory, building_site, own_home, relatives, school``.
    kind: Mapped[str] = mapped_column(Text)
    #: Who confirmed the address: ``register`` (the standard addresses), ``officer``, or nobody so far (``open``), or in
    #: the end (``not_found``). The registration counts from its day all the same.
    confirmed_by: Mapped[str] = mapped_column(Text, default="register", server_default="register")
    #: Station of the address.
    office_code: Mapped[str] = mapped_column(ForeignKey("office.code"), index=True)
    district: Mapped[str] = mapped_column(Text)
    #: The day of declaring (Asia/Shanghai).
    since: Mapped[date] = mapped_column()
    #: The day on which it ended (moved away), None while current.
    until: Mapped[date | None] = mapped_column()
    #: The province's migrant register's number, once written back.
    province_number: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_residence_registration_current", "citizen_id", unique=True, postgresql_where=text("until IS NULL")),
        CheckConstraint("until IS NULL OR until >= since", name="order"),
        CheckConstraint("confirmed_by IN ('register', 'officer', 'open', 'not_found')", name="confirmed_by"),
    )


#: What a person reads of why their permit ended; the dead are not written to.
WHY_ENDED = {"hukou_moved": "户籍已迁入本市市区", "new_permit": "已在别处领取新的居住证"}


class ResidencePermit(Base):
    """A residence permit (居住证), from approval on."""

    __tablename__ = "residence_permit"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    citizen_id: Mapped[UUID] = mapped_column(ForeignKey("citizen.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(unique=True)
    #: Number of the card, entered when it was made.
    card_number: Mapped[str | None] = mapped_column(Secret("residence_permit.card_number"))
    card_lookup: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    #: The day on which its person reported the card lost: void from then on, until another one is made.
    card_lost_on: Mapped[date | None] = mapped_column()
    #: 证件签发之日: endorsements count from it (浙江省流动人口居住登记条例 art 19).
    issued_on: Mapped[date] = mapped_column()
    #: The day from which its years are counted: that of issue, or that of the endorsement that restored it.
    counted_from: Mapped[date] = mapped_column()
    #: The last day for which it is endorsed; from the next on its use is suspended (使用功能中止).
    endorsed_until: Mapped[date] = mapped_column()
    #: Printed as issuing authority.
    issued_by: Mapped[str] = mapped_column(Text)
    district: Mapped[str] = mapped_column(Text)
    #: ``employment, residence, study``.
    ground: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Secret("residence_permit.address"))
    #: 服务处所, as the last change of it said; None where the permit was never changed to one.
    workplace: Mapped[str | None] = mapped_column(Secret("residence_permit.workplace"))
    #: The day on which the registers were last asked, by themselves, whether a fact has ended it.
    checked_on: Mapped[date] = mapped_column()
    #: The day on which its person is to hear next of its year: the window opens, few days are left, it ran out.
    remind_on: Mapped[date | None] = mapped_column()
    #: ``approved`` (being made), ``current``, ``ended``.
    state: Mapped[str] = mapped_column(Text)
    #: Why and when it ended: ``hukou_moved`` (the household is registered here now), ``death``, ``new_permit``.
    ended_reason: Mapped[str | None] = mapped_column(Text)
    ended_on: Mapped[date | None] = mapped_column()
    #: The province's migrant register's number, once the card was written back.
    province_number: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(timestamp)

    __table_args__ = (
        Index("uq_residence_permit_current", "citizen_id", unique=True, postgresql_where=text("state <> 'ended'")),
        CheckConstraint("state IN ('approved', 'current', 'ended')", name="state"),
        # What the daily look goes by: it reads the permits of which somebody is to hear, and no others.
        Index("ix_residence_permit_remind", "remind_on", "id", postgresql_where=text("state = 'current'")),
        # What the round of the facts goes by, those about whom nobody asked for longest first.
        Index("ix_residence_permit_checked", "checked_on", "id", postgresql_where=text("state = 'current'")),
        CheckConstraint("endorsed_until > counted_from", name="years"),
        CheckConstraint(
            "(state = 'ended') = (ended_on IS NOT NULL AND ended_reason IS NOT NULL)"
            " AND (ended_reason IS NULL OR ended_reason IN ('hukou_moved', 'death', 'new_permit'))",
            name="ended",
        ),
    )
