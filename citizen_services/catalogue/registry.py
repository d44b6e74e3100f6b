"""The catalogue: every service item in each of its versions, checked as a whole when it is put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from citizen_services.catalogue.check import faults_of, faults_of_notice
from citizen_services.catalogue.counter import CounterService, faults_of_counter
from citizen_services.catalogue.describe import changed_in
from citizen_services.catalogue.vocabulary import Notice, ServiceItem, SmsTemplate, WeChatTemplate
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
    """The declared items. The newest version of each is offered; older ones serve the cases that stay on them.

    A version that a newer one continues is served by that one: its cases have whatever was added since.
    """

    def __init__(
        self,
        items: Iterable[ServiceItem],
        calendar: Calendar,
        sms_signature: str = "",
        gateways: Sequence[Gateway] = (ALIYUN,),
        counter_services: Iterable[CounterService] = (),
    ) -> None:
        """Check every declaration against every SMS gateway; raises InvalidDeclaration with all faults."""
        self._versions: dict[str, dict[int, ServiceItem]] = {}
        #: What SMS are signed with, and by which gateways they go.
        self._sent_by = (sms_signature, gateways)
        faults: list[str] = []
        for item in items:
            versions = self._versions.setdefault(item.code, {})
            if item.version in versions:
                faults.append(f"{item.code}: version {item.version} is declared twice")
            versions[item.version] = item
            faults += faults_of(item, calendar, sms_signature, gateways)
        self._counter_services: dict[str, CounterService] = {}
        for service in counter_services:
            if service.code in self._counter_services:
                faults.append(f"{service.code} is declared twice")
            self._counter_services[service.code] = service
            faults += faults_of_counter(service)
        faults += [*self._repeated_prefixes(), *self._broken_continuations(), *self._changed_templates()]
        if faults:
            raise InvalidDeclaration(faults)
        #: By which version the cases of an earlier one go on.
        self._served_by: dict[tuple[str, int], int] = {}
        for item in reversed(self.every()):
            served_by = self._served_by.get((item.code, item.version), item.version)
            self._served_by |= {(item.code, earlier): served_by for earlier in item.continues}

    def hold_against_gateways(self, notices: Iterable[Notice]) -> None:
        """Check notices that no service declares as the declared ones are; raises InvalidDeclaration."""
        faults = [fault for notice in notices for fault in faults_of_notice(notice, *self._sent_by)]
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

    def _broken_continuations(self) -> Iterator[str]:
        for item in self.every():
            for version in item.continues:
                older = self._versions[item.code].get(version)
                if older is None or version >= item.version:
                    yield f"{item.code}: version {item.version} continues {version}, which is no earlier version"
                    continue
                yield from (
                    f"{item.code}: version {item.version} continues {version}, but changes {what}"
                    for what in changed_in(older, item)
                )

    def _changed_templates(self) -> Iterator[str]:
        """A template is registered with its partner once, under its key: all that send by it mean one text."""
        texts: dict[tuple[str, str], SmsTemplate | WeChatTemplate] = {}
        for item in self.every():
            for notice in (notice for step in item.steps for notice in step.tells):
                for template in (notice.wechat_template, notice.sms_template):
                    place = type(template).__name__, template.key
                    if texts.setdefault(place, template) != template:
                        yield f"{item.code}: version {item.version} has another text under the key {template.key}"

    def items(self) -> tuple[ServiceItem, ...]:
        """The current version of each item, in the order declared."""
        return tuple(versions[max(versions)] for versions in self._versions.values())

    def item(self, code: str, version: int | None = None) -> ServiceItem:
        """The item of a code, its current version unless one is named; raises UnknownItem.

        For a version that a newer one continues, the newer one.
        """
        versions = self._versions.get(code)
        if not versions:
            raise UnknownItem(code)
        if version is None:
            return versions[max(versions)]
        if version not in versions:
            raise UnknownItem(f"{code} version {version}")
        return versions[self._served_by.get((code, version), version)]

    def every(self) -> tuple[ServiceItem, ...]:
        """Every version of every item, older ones first: what any case that there is may say or show."""
        return tuple(versions[n] for versions in self._versions.values() for n in sorted(versions))

    def counter_services(self) -> tuple[CounterService, ...]:
        """What is done at a window without a case of ours, in the order declared."""
        return tuple(self._counter_services.values())

    def counter_service(self, code: str) -> CounterService:
        """The counter service of a code; raises UnknownItem."""
        try:
            return self._counter_services[code]
        except KeyError:
            raise UnknownItem(code) from None

    def services(self) -> tuple[ServiceItem | CounterService, ...]:
        """Everything that is offered: the items, then what is done at a window only."""
        return (*self.items(), *self.counter_services())

    def service(self, code: str) -> ServiceItem | CounterService:
        """What can be booked under a code: an item of ours or a counter service; raises UnknownItem."""
        return self._counter_services[code] if code in self._counter_services else self.item(code)

    def versions(self) -> frozenset[tuple[str, int]]:
        """Every (code, version) that is declared."""
        return frozenset((code, version) for code, versions in self._versions.items() for version in versions)
