"""The catalogue: every service item in each of its versions, checked as a whole when it is put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from citizen_services.catalogue.check import faults_of
from citizen_services.catalogue.vocabulary import ServiceItem
from citizen_services.rules.templates import ALIYUN, Gateway
from citizen_services.rules.working_days import Calendar


class InvalidDeclaration(Exception):
    """A declaration breaks a rule of the vocabulary; ``faults`` name each place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("the catalogue is refused:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults = faults


class UnknownItem(LookupError):
    """No service item of that code (and version)."""

    sentence = "没有找到这个服务事项，请从“办事”菜单进入。"


class Catalogue:
    """The declared items. The newest version of each is offered; older ones serve the cases that stay on them."""

    def __init__(
        self,
        items: Iterable[ServiceItem],
        calendar: Calendar,
        sms_signature: str = "",
        gateways: Sequence[Gateway] = (ALIYUN,),
    ) -> None:
        """Check every declaration against every SMS gateway; raises InvalidDeclaration with all faults."""
        self._versions: dict[str, dict[int, ServiceItem]] = {}
        faults: list[str] = []
        for item in items:
            versions = self._versions.setdefault(item.code, {})
            if item.version in versions:
                faults.append(f"{item.code}: version {item.version} is declared twice")
            versions[item.version] = item
            faults += faults_of(item, calendar, sms_signature, gateways)
        faults += self._repeated_prefixes()
        if faults:
            raise InvalidDeclaration(faults)

    def _repeated_prefixes(self) -> list[str]:
        seen: dict[str, str] = {}
        faults = []
        for item in self.items():
            other = seen.setdefault(item.number_prefix, item.code)
            if other != item.code:
                faults.append(f"{item.code}: number prefix {item.number_prefix} belongs to {other}")
        return faults

    def items(self) -> tuple[ServiceItem, ...]:
        """The current version of each item, in the order declared."""
        return tuple(versions[max(versions)] for versions in self._versions.values())

    def item(self, code: str, version: int | None = None) -> ServiceItem:
        """The item of a code, its current version unless one is named; raises UnknownItem."""
        versions = self._versions.get(code)
        if not versions:
            raise UnknownItem(code)
        if version is None:
            return versions[max(versions)]
        if version not in versions:
            raise UnknownItem(f"{code} version {version}")
        return versions[version]

    def versions(self) -> frozenset[tuple[str, int]]:
        """Every (code, version) that is declared."""
        return frozenset((code, version) for code, versions in self._versions.items() for version in versions)
