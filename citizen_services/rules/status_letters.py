"""Status of driving licences and vehicles: strings of letters, several at once, each a fact of its own (GA/T 16).

The national registers give ``A`` for a normal one and ``HM`` for one with an open violation that is also overdue. The
letters are those that public traffic-police code lists; a letter that stands in no table here is never guessed at: an
officer looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NORMAL = "A"

#: 驾驶证状态.
LICENCE: Mapping[str, str] = {
    "A": "正常",
    "B": "超分",
    "C": "转出",
    "D": "暂扣",
    "E": "撤销",
    "F": "吊销",
    "G": "注销",
    "H": "违法未处理",
    "I": "事故未处理",
    "J": "停止使用",
    "K": "扣押",
    "L": "锁定",
    "M": "逾期未换证",
    "N": "延期换证",
    "P": "延期提交身体条件证明",
    "R": "注销可恢复",
    "S": "逾期未审验",
    "U": "扣留",
}
#: 机动车状态.
VEHICLE: Mapping[str, str] = {
    "A": "正常",
    "B": "转出",
    "C": "被盗抢",
    "D": "停驶",
    "E": "注销",
    "G": "违法未处理",
    "H": "违法未处理",
    "I": "事故未处理",
    "J": "嫌疑车",
    "K": "查封",
    "L": "暂扣",
    "M": "强制注销",
    "N": "事故逃逸",
    "O": "锁定",
    "P": "牌证公告作废",
    "Q": "逾期未检验",
    "U": "扣留",
}

#: What blocks whom: open violations and accidents of either; a licence that is with the police; one that is no more.
OPEN_MATTERS_OF_LICENCE = frozenset("HI")
OPEN_MATTERS_OF_VEHICLE = frozenset("GHI")
LICENCE_HELD = frozenset("DKU")
LICENCE_GONE = frozenset("CEFG")
VEHICLE_GONE = frozenset("BEMP")
VEHICLE_HELD = frozenset("CJKLNOU")


@dataclass(frozen=True, slots=True)
class Status:
    """A status taken apart: ``letters`` as given, each once; ``words`` of the known ones; ``unknown`` the others."""

    letters: frozenset[str]
    words: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def certain(self) -> bool:
        """Whether every letter is known, so that the machine may conclude; else an officer looks."""
        return not self.unknown

    @property
    def normal(self) -> bool:
        """Nothing stands against it."""
        return self.letters == {NORMAL}

    def among(self, blocking: frozenset[str]) -> bool:
        """Whether any of these letters is among its own."""
        return bool(self.letters & blocking)

    @property
    def text(self) -> str:
        """As people read it: ``违法未处理、逾期未换证``; an unknown letter says that an officer looks."""
        return "、".join((*self.words, *(("状态待民警核实",) if self.unknown else ())))


def licence_status(text: str) -> Status:
    """The status of a driving licence; an empty one is unknown."""
    return _read(text, LICENCE)


def vehicle_status(text: str) -> Status:
    """The status of a vehicle; an empty one is unknown."""
    return _read(text, VEHICLE)


def _read(text: str, table: Mapping[str, str]) -> Status:
    letters = tuple(dict.fromkeys(text.strip().upper()))
    words = tuple(dict.fromkeys(table[letter] for letter in letters if letter in table))
    # A is said of one that is otherwise sound; beside another letter it says nothing.
    words = tuple(word for word in words if word != table[NORMAL]) or words
    unknown = tuple(letter for letter in letters if letter not in table)
    return Status(frozenset(letters), words, unknown if letters else ("",))
