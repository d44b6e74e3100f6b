"""What a form can already say for a person, so that nothing is asked that we know."""

from __future__ import annotations

from citizen_services.catalogue.vocabulary import Group
from citizen_services.parts import parts
from citizen_services.people.models import Citizen
from citizen_services.registers.queries import current_registration


def defaults_of(group: Group, citizen: Citizen) -> dict[str, str]:
    """The answers that a group's page begins with.

    For ``delivery`` the person, their phone and where they live; elsewhere what leaves no choice.
    """
    if group.code != "delivery":
        choices = {name: field.metadata.get("choices", ()) for name, field in group.schema.fields.items()}
        return {name: str(only[0][0]) for name, only in choices.items() if len(only) == 1}
    settings = parts().settings
    known = {"receiver": citizen.name, "receiver_phone": citizen.phone, "province": settings.province_name}
    known |= {"city": settings.city_name, "county": settings.district_name}
    registration = current_registration(citizen.id)
    if registration is not None:
        known["postal_address"] = _without(
            registration.address, *(known.get(n, "") for n in ("province", "city", "county"))
        )
    return {name: value for name, value in known.items() if name in group.schema.fields}


def _without(address: str, *divisions: str) -> str:
    """The address without the divisions that stand in fields of their own."""
    for division in divisions:
        address = address.removeprefix(division)
    return address
