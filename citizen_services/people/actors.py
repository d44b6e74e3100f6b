"""Actor: who does something, as far as permission and the record need to know."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Actor:
    """A citizen, a member of staff with office, roles and standing, or the system named by what made it act."""

    kind: str
    id: UUID | None = None
    #: For the system: what made it act (``ems_receipt``, ``submit``); for staff the login.
    name: str = ""
    office: str | None = None
    office_kind: str | None = None
    district: str | None = None
    roles: frozenset[str] = frozenset()
    standing: str | None = None
    #: Keyed hash of the actor's own identity number.
    id_lookup: bytes | None = None
    #: For a citizen who acts for another: the person in whose name; ``name`` says as what (``agent``, ``guardian``).
    on_behalf_of: UUID | None = None
    #: The authorisation that an agent acts by.
    right: UUID | None = None

    #: The key of the machine door by which a program acts in the name of somebody of the staff.
    api_key: UUID | None = None

    @property
    def stands_for(self) -> UUID | None:
        """The citizen in whose name a citizen acts: their own, as a rule."""
        return self.on_behalf_of or self.id

    @property
    def key(self) -> str:
        """``citizen:<id>``, ``staff:<id>``, ``system:<name>``; who acts for another is ``citizen:<id>/<for whom>``."""
        own = f"{self.kind}:{self.id or self.name}"
        return own if self.on_behalf_of is None else f"{own}/{self.on_behalf_of}"

    @classmethod
    def system(cls, name: str) -> Actor:
        """The system, acting by itself because of ``name``."""
        return cls("system", name=name)
