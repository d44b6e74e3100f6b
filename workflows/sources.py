"""The laws that declarations name, each once."""

from citizen_services.catalogue import Source


def permit_regulation(place: str) -> Source:
    """居住证暂行条例 (国务院令第663号)."""
    return Source("居住证暂行条例", place)


def migrant_regulation(place: str) -> Source:
    """浙江省流动人口居住登记条例 (2016)."""
    return Source("浙江省流动人口居住登记条例", place)


def vehicle_rules(place: str) -> Source:
    """机动车登记规定 (公安部令第164号)."""
    return Source("机动车登记规定", place)


def licence_rules(place: str) -> Source:
    """机动车驾驶证申领和使用规定 (公安部令第162号)."""
    return Source("机动车驾驶证申领和使用规定", place)
