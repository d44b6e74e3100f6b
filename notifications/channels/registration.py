"""The province's register of migrants. A write is taken once by its reference, and can be asked about by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import update

from citizen_services.database import db
from citizen_services.exchange.migrants import Migrants, PermitToWrite, RegistrationToWrite
from citizen_services.exchange.outcomes import Outcome, OutsideError
from citizen_services.parts import parts
from citizen_services.registers.models import ResidencePermit, ResidenceRegistration
from notifications.channels.base import Answer, CannotTell, Found, NotFound, Order, Patience


class RegistrationChannel:
    """Channel ``registration``. Payload: ``{what: registration | permit, …}``, what the register's client takes."""

    name = "registration"
    #: Ten seconds after a write its absence is final.
    ask_after_s: tuple[float, ...] = (12.0,)
    repeat_after_s: tuple[float, ...] = ()
    silent_after_s: float | None = None
    template_codes: frozenset[str] = frozenset()
    accepted_state = "delivered"
    in_order = True
    hands = 4
    together = False
    #: A register may be away for days; what it must know is never given up.
    patience = Patience(
        longest_wait_s=3600.0, give_up_after=None, give_up_later_after=None, ask_until=None, most_tries=None
    )

    def prepare(self, order: Order) -> RegistrationToWrite | PermitToWrite:
        """What is to be written."""
        fields = {name: value for name, value in order.payload.items() if name != "what"}
        if order.payload["what"] == "registration":
            return RegistrationToWrite(**_dated(fields, "since"))
        return PermitToWrite(**_dated(fields, "issued", "endorsed_until"))

    def send(self, order: Order, ready: RegistrationToWrite | PermitToWrite) -> Outcome:
        """Write it; a partner_ref is the register's number."""
        client: Migrants = parts().clients["migrants"]
        if isinstance(ready, RegistrationToWrite):
            return client.write_registration(order.ref, ready)
        return client.write_permit(order.ref, ready)

    def ask(self, order: Order, ready: RegistrationToWrite | PermitToWrite) -> Answer:
        """Ask what became of our reference."""
        client: Migrants = parts().clients["migrants"]
        try:
            written = client.by_reference(order.ref)
        except OutsideError as fault:
            return CannotTell(str(fault))
        return NotFound() if written is None else Found("delivered", partner_ref=written.register_number)

    def accepted(self, order: Order, partner_ref: str) -> None:
        """Keep the province's number beside ours."""
        table = ResidenceRegistration if order.payload["what"] == "registration" else ResidencePermit
        db.session.execute(update(table).where(table.id == order.about).values(province_number=partner_ref))


def _dated(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: date.fromisoformat(value) if name in names else value for name, value in fields.items()}
