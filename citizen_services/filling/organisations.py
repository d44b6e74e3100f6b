"""Acting for an organisation, for every door: its head asked about once a day, and when a report comes too late."""

from __future__ import annotations

import logging
from datetime import date, datetime, time
from uuid import UUID

from citizen_services import clock
from citizen_services.cases.clocks import calendar
from citizen_services.database import commit
from citizen_services.exchange.outcomes import OutsideError
from citizen_services.people import authorisations, organisations
from citizen_services.people.acting_models import Organisation
from citizen_services.people.errors import NotTheHead
from citizen_services.people.models import Citizen
from citizen_services.rules.dates import SHANGHAI
from citizen_services.rules.periods import Period, deadline

log = logging.getLogger(__name__)

#: 浙江省流动人口居住登记条例 art 8: three working days from the day on which the work began or ended.
_TELLS_WITHIN = Period(3, "working")


def acted_for(citizen: Citizen, organisation_id: UUID) -> Organisation:
    """An organisation for which somebody acts, its head asked about once a day; commits what the register says.

    While the register is away what it said last holds: the duty to report waits for no register. Raises
    NoSuchOrganisation.
    """
    found = organisations.acted_for(citizen.id, organisation_id)
    if organisations.stands_today(found):
        return found
    head, code = authorisations.people([found.head_id])[found.head_id], found.credit_code
    commit()
    try:
        organisations.look_up(head, code)
        stands = True
    except NotTheHead:
        stands = False
    except OutsideError as fault:
        log.warning("the head of organisation %s can't be asked about: %s", organisation_id, fault)
        return found
    organisations.head_stands(organisation_id, head.id, stands=stands)
    commit()
    return organisations.acted_for(citizen.id, organisation_id)


def is_late(day: date) -> bool:
    """Whether a report of somebody who began or ceased to work on a day comes after its three working days."""
    return clock.now() >= deadline(datetime.combine(day, time(), SHANGHAI), _TELLS_WITHIN, calendar()).at
