"""Children of whom the population register says who their guardian is: known here without a phone of their own."""

from __future__ import annotations

from uuid import UUID

from citizen_services.database import Change, new_id
from citizen_services.exchange import clients
from citizen_services.exchange.population import Person
from citizen_services.people.errors import GuardianNotShown
from citizen_services.people.guardians import children_of, is_child
from citizen_services.people.models import Citizen, Consent
from citizen_services.people.queries import citizen_by_id_number
from citizen_services.rules.names import name_key, same_name
from citizen_services.security import equal, keyring

#: What a guardian agrees to, for a child who is asked about here for the first time.
WORDS = (
    "我是这名未成年人的监护人，知道并同意：将其姓名、身份证号码送人口信息库，核对其身份和监护关系；"
    "核实后只用于为其申请的事项和通知进度，由办理事项的公安机关使用，不提供给其他单位或个人。"
)


def own_child(guardian: Citizen, id_number: str) -> UUID | None:
    """The child of that number for whom somebody is known as guardian here already; None where they are not."""
    return next((one.id for one in children_of(guardian.id) if equal(one.id_number, id_number)), None)


def ask(guardian: Citizen, name: str, id_number: str) -> Person:
    """What the population register says of a child whose guardian somebody is, by that register.

    Calls the register, outside of any transaction. Raises GuardianNotShown, OutsideError.
    """
    register = clients.population()
    if not is_child(id_number) or not register.guards(guardian.id_number, id_number):
        raise GuardianNotShown
    person = register.person(id_number).value
    if person is None or person.status != "normal" or not same_name(person.name, name):
        raise GuardianNotShown
    return person


def know(guardian: Citizen, person: Person, change: Change) -> UUID:
    """Add to a change a child whom the register showed, with the guardian's consent; the child's id.

    What they are told goes to the guardian's phone until they prove one of their own.
    """
    before = citizen_by_id_number(person.id_number)
    child_id = before.id if before is not None else new_id()
    if before is None:
        change.add(
            Citizen,
            id=child_id,
            name=person.name,
            name_lookup=keyring().lookup("name", name_key(person.name)),
            id_number=person.id_number,
            id_lookup=keyring().lookup("id_number", person.id_number),
            phone=guardian.phone,
            phone_lookup=keyring().lookup("phone", guardian.phone),
            hukou_code=person.hukou_code,
            hukou_address=person.hukou_address,
            gender=person.gender,
            birth_date=person.birth_date,
            proved_by="guardian",
            proved_at=change.at,
            epoch=0,
        )
    change.add(
        Consent, id=new_id(), citizen_id=child_id, purpose="guardian", words=WORDS, at=change.at, by_id=guardian.id
    )  # fmt: skip
    return child_id
