"""What an ordinary sentence means: the services and matters whose declared words stand in it, best first.

Words are declared with what they mean (``Guide.words`` of a service, ``MATTERS`` in matters.py). In one, blanks part
what must all occur, in any order, and ``|`` parts what may stand in its place: ``居住证|暂住证 丢|掉了``. Longer finds
count for more; where nothing is found as it is written, one wrong or missing character in three is forgiven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import SequenceMatcher
from functools import lru_cache

import opencc

from citizen_services.catalogue.counter import CounterService
from citizen_services.catalogue.vocabulary import ServiceItem

#: The shortest run of characters that a text and a service's name must share to mean it.
_SHARED = 3
#: The shortest words in which one wrong character is forgiven: in shorter ones it would leave nearly nothing.
_FORGIVING = 3

_Parts = tuple[tuple[str, ...], ...]


@lru_cache(maxsize=1)
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def simplified(text: str) -> str:
    """Traditional characters as the simplified ones that words are declared in."""
    return text if text.isascii() else str(_converter().convert(text))


@lru_cache(maxsize=1024)
def _parts(words: str) -> _Parts:
    return tuple(tuple(part.casefold().split("|")) for part in words.split())


def found(text: str, words: str, *, forgiving: bool = False) -> int:
    """How many characters of a text are those declared words; 0 where one of their parts is missing."""
    size = 0
    for part in _parts(words):
        hit = max((len(one) for one in part if one in text), default=0)
        if not hit and forgiving:
            hit = max((len(one) - 1 for one in part if _nearly(text, one)), default=0)
        if not hit:
            return 0
        size += hit
    return size


def _nearly(text: str, word: str) -> bool:
    """Whether a text has a word with one character wrong, missing or too many."""
    if len(word) < _FORGIVING:
        return False
    size = len(word)
    if sum(one in text for one in word) < size - 1:
        return False
    for at in range(size):
        before, after = word[:at], word[at + 1 :]
        start = text.find(before)
        while start >= 0:
            rest = start + len(before)
            # Wrong, missing, and one too many before this character.
            if any(text.startswith(tail, rest + skip) for tail, skip in ((after, 1), (after, 0), (word[at:], 1))):
                return True
            start = text.find(before, start + 1)
    return False


def _shared(text: str, item: ServiceItem) -> int:
    """The longest run of characters that a text shares with a service's name, where it is long enough to mean it.

    It counts for a little less than declared words of that length: names of several services begin alike.
    """
    name = item.name.casefold()
    if text == item.code:
        return len(name)
    size = SequenceMatcher(None, text, name, autojunk=False).find_longest_match().size
    return size - 1 if size >= _SHARED or (size >= 2 and size == len(text)) else 0


def meant(
    text: str, items: Iterable[ServiceItem], matters: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[list[ServiceItem], list[str]]:
    """The services that a text may mean, or else the codes of the matters (words by code).

    A service goes before a matter of the same weight: it can be begun.
    """
    known = {item.code: item for item in items}
    for forgiving in (False, True):
        weigh = _weigher(text, forgiving)
        of_items = {code: max(_shared(text, one), weigh((one.name, *one.guide.words))) for code, one in known.items()}
        of_matters = {code: weigh(words) for code, words in (matters or {}).items()}
        best = max((*of_items.values(), *of_matters.values()), default=0)
        if best:
            meant_items = [known[code] for code, weight in of_items.items() if weight == best]
            return meant_items, [] if meant_items else [code for code, weight in of_matters.items() if weight == best]
    return [], []


def at_counter(text: str, services: Iterable[CounterService]) -> list[str]:
    """The codes of what is done at a window only that a text may mean, by declared words as they are written."""
    weighed = {one.code: max(found(text, words) for words in (one.name, *one.words)) for one in services}
    best = max(weighed.values(), default=0)
    return [code for code, weight in weighed.items() if weight == best] if best else []


def _weigher(text: str, forgiving: bool) -> Callable[[tuple[str, ...]], int]:
    return lambda declared: max((found(text, words, forgiving=forgiving) for words in declared), default=0)
