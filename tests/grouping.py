"""Which tests stay together in one test process; all others go, one by one, to whichever is free.

xdist's own groups by mark are not used: under pytest 9 they are set where nobody reads them, and every test goes alone.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

#: Files with tests of a whole installation. They are one process's, which starts each installation once, and two are
#: never busy side by side: what they wait for comes late where a machine of two cores is full.
INSTALLATIONS = frozenset(
    {
        "tests/faults/test_partners.py",
        "tests/faults/test_servers_away.py",
        "tests/faults/test_web_killed.py",
        "tests/fees/test_story.py",
        "tests/guards/test_privacy.py",
        "tests/guards/test_queues.py",
        "tests/people/test_screens.py",
        "tests/stories/test_at_the_counter.py",
        "tests/stories/test_night_shift.py",
        "tests/stories/test_refused_parcel.py",
        "tests/stories/test_register_away.py",
        "tests/stories/test_shop_owner.py",
        "tests/stories/test_traffic_by_mail.py",
        "tests/test_story.py",
        "tests/test_story_in_browser.py",
        "tests/wechat/test_from_outside.py",
    }
)
#: Files whose tests share something that takes seconds to make.
TOGETHER = frozenset({"tests/ground/test_web_worker.py", "tests/guards/test_migrations.py"})


def unit_of(nodeid: str) -> str:
    """The unit to which a test belongs: the tests of one unit are run by one process, in their order."""
    path = nodeid.partition("::")[0]
    if path in INSTALLATIONS:
        return "installations"
    return path if path in TOGETHER else nodeid


class Scheduling(LoadScopeScheduling):
    """xdist's scheduling by units, the unit of most tests first; the units are ours."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
