"""The story of a migrant worker's residence permit, walked from outside: ``app.py journey``.

Only a client: HTTP to our pages as the worker and the officers use them, and to the sandbox's control as the world
around them. Each step is asserted from the other party's side; the first one that does not see what it should ends the
journey with its name.
"""

from __future__ import annotations

import base64
import json
import random
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

WECHAT_BROWSER = (
    "Mozilla/5.0 (Linux; Android 14; V2241A) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 "
    "Mobile Safari/537.36 MicroMessenger/8.0.48"
)
PATIENCE_S = 40.0
TIMEOUT_S = 20
#: Codes come by whichever gateway the installation has.
SMS_GATEWAYS = ("sms_aliyun", "sms_tencent")
PERMIT, REGISTRATION = "residence-permit-first", "residence-registration"

#: An invented face, drawn, as the population register's portrait: a JPEG of 358 × 441.
PORTRAIT = """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACQZGyAbFyQgHiApJyQrNls7NjIyNm9PVEJbhHSKiIF0f32Ro9GxkZrFnX1/tve4xdje6uzqja////7j
/9Hl6uH/2wBDAScpKTYwNms7O2vhln+W4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eH/wAARCAG5AWYD
ASIAAhEBAxEB/8QAGgABAAIDAQAAAAAAAAAAAAAAAAQFAQIDBv/EAC8QAQACAQIEBgEEAQUBAAAAAAABAgMEEQUSITETFCJBUVIyM2FxkYEjNEJT
obH/xAAYAQEBAQEBAAAAAAAAAAAAAAAAAgEDBP/EABwRAQEAAwEBAQEAAAAAAAAAAAABAhESMUEhUf/aAAwDAQACEQMRAD8AvAAAAAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAJmIjqAImfiODDvE23n
4hX5+M3tvGKu37yC7azesd7R/bzWTX6jJ3yTH8ONs2S07zeZn+Qer8Sn2j+2YvWe1ol5LxL/AGn+2a58lJ3reY/yD1o8zj4hqMcbReZ/lNwcamOm
Wv8AmAXIjYNdgz9K3iJ+JSQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAVmv4nGLfHi62+fgErVa7Fpo9U72+IUmq4lmzzMRPLX4hEve17Ta07zLA
EzM9wBoAAAAABEzWd4naU/ScUy4ZiMk81UAB6nT6vFqK70t1+Hd5LFlvhvFqTMTC+0HEa6j0X6X/APoxPAAAAAAAAAAAAAAAAAAAAAAAAAAAABW8
U10YqTipPrn/AMBz4nxHkicWKevvKlmZmd57kzMzvPcGgAAAAAAAAAAADNLTS0WrO0wwAv8Ah3EIz1imSdrx/wCrF5ClppaLVnaYei4drK6nFFZn
1x3GJoAAAAAAAAAAAAAAAAAAAAAAAAAOGr1EafBa89/Z5nLktlyTe07zKZxbVTmzzSs+mqAAANAAAAAAAAAAAAAAHXS57afNF6z/AC5APW4MsZsV
b17TDdScG1UxfwbT0nsuxgAAAAAAAAAAAAAAAAAAAAAAja/P4GmtaO/aElScbzb5K44nt3BVWmbTMz3kAaAAAAAAAAAAAAAAAAAA2xXnHkraO8S9
VpssZsFb/MPJrvgmbmx2xzPbsMWoAAAAAAAAAAAAAAAAAAAAAMWnlrM/Dy2ryzl1F7T8vRa7J4elvb9nl5nedwABoAAAAAAAAAAAAAAAAAAl8Mze
Fq6/E9ERtjty5K2j2kHrhpgvz4aW+YbjAAAAAAAAAAAAAAAAAAAAFfxm810m0e8vPrrjt5ilKe0qUAAaAAAAAAAAAAAAAAAAAAAA9Nw2830dJn42
Slfwa820m0+0rAYAAAAAAAAAAAAAAAAAAAAquNYcmXk5Kzbb4VXlM/8A1W/p6o2gHlJ0uaO+O39MeXy/SXptR2iEfZNqpNqHy+X6SeXy/SV9sbM6
byofL5fpJ5fL9JX2xsdHKh8vl+knl8v0lfbGx0cqHy+X6SeXy/SV9sbHRyofL5fpJ5fL9JX2xsdHKh8vl+knl8v0lfbGx0cqHy+X6SeXy/SV9sbH
RyofL5fpJ5fL9JX2xsdHKh8vl+knl8v0lfbGx0cqONLnntjt/R5TP/1W/p6XB1o67QqJqv4Pjvj08xesxO/usAawAAAAAAAAAAAAAAAAAAAAABGz
zvdyb5Z3vLRzrpABjQAAAAAAAAAAAAAAAHfTz1mHdGwTtdJdMfHPL0AawAAAAAAAAAAAAAAAAAAAAAntIId+tpasz3lhzdQCY3iYBGz67Hima95c
K8TjfrToh6jDemW3NE9+7jETPaFaiN1fYc9M1d6S6K/huK9Zm1t4hYJqoAMaAAAA459TjwflPX4RZ4nG/SnRz4jhv4vPETMIO0/C5Ii2rrBq8ead
o6T8JCn0WG9s1bRExEe64TVQAY1vina8JaHT84TF4oyAFJAAAAAAAAAAAAAAAAAAAACe0hPaQQp7ywzPeWHN1AGDFq1tHWIlrGDHE7xSG40NtgGA
ADEW3tMMtad5ls0AGBMRPeHPwMUzvyQ6DQiIjtGwAADBtT84TEOn5wmLxRkAKSAAAAAAAAAAAAAAAAAAAAAAh3/OWrfLG15aOboAMaAAAAE9IkYv
0q0Yx9mzFOlYZAAYAAAAAAOmH9SEpGwRvdJXijL0AUkAAAAAAAAAAAAAAAAAAAAABGzxtfdySNRHSJR0X10ngAloAAAAxeJmOjIDWLbd4bAAAAAA
AAADvp47y7ueCNqOjpPHO+gDWAAAAAAAAAAAAAAAAAAAAAANckb0lETZ7Id45bTCclYtQELAAAlypn5rzWY2lo6gMAAAHLx/9XkrG7R1AYAADMRv
LDpirveGsSaxtWIZB0cwAAAAAAAAAAAAAAAAAAAAAAABw1Ff+TuxevNWYZWxCGZjadmEOgAwHDPhmZ56d3caOGPUf8b9JdotE9pa3xVv3jq4zprR
+NgSWJvWveYRvBzfdmNLMzva24GTPN/Tj/tvgw8kb27y6Ux1p2hsAAwAAEnBXau/y4UrzWiEyI2jZWMTlQBaAAAAAAAAAAAAAAAAAAAAAAAAAAHD
PTrzQ4Jto5o2RL1mttkWLxrUBKgAAAAAAAAAAG+OnNb9msdcFNo5pdiI2jYXEX9AGsAAAAAAAAAAAAAAAAAAAAAAAAAAGmWnPX924CFMbTtLCTlx
c0bx3R5jaernZp0l2wAxoAAAAAADMRNp2hoVibTtCXSkUrsxjxxSP3bqkRbsAUkAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAc8mKLfy6AIdqTWerVKz
/pyiRLnZp0l2yG4xoAAG7G4OlKTeeiRTHFI/dnH+ENnSRztAGsAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAaXzY6flaIBjP+lKG6ZNbiyeik7zLm
jL1ePgAlRuAAA0Tsf4R/DZEx67DHptO0x0SKZaX/ABtEumnJuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEzERvKFqeIUxdKeqzZNiZa0Vje07Qh5uJ
Y6bxT1Sq82pyZp9Vunw4qmP9TckvLxDNk7Tyx+yNa1rTvMzLVI0mSlMm2SsTEq8S10360LF1tixxTmrWIcnDO7rthNQAQsAAYZGiry/q2/lit70n
etphdTjxVx89qx2VGe9b5JmsbR7PRjdvPZpIxcRy06W9UJ+HiGLL0n0z+6jC4w29PExMbxO4oMGsy4Z6TvHxK002ux5oiJnlt8JuOlSpYCWgAAAA
AAAAAAAAAAAAAAAAADnmzUw0m1pc9Tq6YKzvO9vaFLnz3zWmbT0+FSbZbp31WvvmmYr6aoYL1pAA0AAWOk1PNj8O3eOzsqqWmlotHeFzpclM2OJ2
jf3cs8frpjl8cxK5K/ByV+Ecr6RRK5K/ByV+Dk6RRK5K/CNrc1MNNo25pOWdIut1PNEYq9o7oLMzMzvLDvJpyt2ANYMxMxO8MAJ+l4hbHtXJ1r8r
bHkrkrFqzvEvNJGm1V8F42n0/Cbi2Vfjlg1FM9d6z1+HVzWAAAAAAAAAAAAAAAAAAIus1ddPTaOtp7Q6anUV0+ObT39lFmy2zZJvb3VjNstYyZLZ
Lza07zLQHRAAAAAAA76XPODJE+093AYPQ0tF6xaO0tlXw/U8s+HbtPZaOdmly7AJnaN5Y1pmyRixza3so8+Wc2SbS767U+Lflr+MIjpjNItAFMAA
AAAAdcGa2G8WrK702prqKbx394efdtNntp8kWjt7ps22XT0I0w5a5scXr7t3NYAAAAAAAAAAAAAA1veKUm09obKvimp3/wBKs/y2TbKiavUTnyzO
/pjtCODogAaAAAAAAAAMxO07wuNFqIzY4iZ9UKZ0wZZw5ItDLNtl0v0HX6mKV8Os+qe7rfV0jT+JHup8l5yXm0z1lMjbWoC0gAAAAAAAAAJmg1U4
cnLafTK7iYmImHmFxwzU89PDtPqhGU+qlTwEKAAAAAAAAAAAActTmjBim0/4efyXm95tPeU/imfmvGOO0d1c6YxFoApgAAAAAAAAAAADPNO22/Rg
AAAAAAAAAAAAAHXBlnDli8ezkA9JiyRlxxePduruFZ96zinvHZYuVmlwAY0AAAAAAAAa5LclLWn2hsh8Ty8mn5Y72bBT5b8+S1p95aA6uYAAAAAA
AAAAAAAAAAAAAAAAAAAAAAADtpMnhZ62/d6GJ3iJeZjpK+0WTxdPWfeOiMorFIAQoAAAAAAAAVHFr75a19ohbqTiX+5lWPrL4hgOiAAAAAAAAAAA
AAAAAAAAAAAAAAAAAAABa8IvvW1fhVLHhP6tv4Tl42erYBzWAAAA/9k=
"""


class Broken(Exception):
    """A step did not lead to what it should; the message says which and what was seen."""


# --- A browser without a screen -------------------------------------------------------------------------------------


@dataclass
class Form:
    """A form of a page: its address, and its fields with the values that the page gave them."""

    action: str
    url: str
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    multipart: bool = False


class Page(HTMLParser):
    """What a person finds on a page: its forms, the case that it shows, errors, and its text."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(convert_charrefs=True)
        self.url, self.status = response.url, response.status_code
        self.forms: list[Form] = []
        self.main: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self.links: list[str] = []
        self._words: list[str] = []
        self._form: Form | None = None
        self._textarea: str | None = None
        self._error: tuple[str, int] | None = None
        self._depth = 0
        self._hidden = 0
        self.feed(response.text)
        self.text = re.sub(r"\s+", " ", " ".join(self._words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, fields, errors, links."""
        given = {name: value or "" for name, value in attrs}
        if tag not in ("input", "img", "br", "meta", "link", "hr", "use", "path"):
            self._depth += 1
        if tag in ("script", "style"):
            self._hidden += 1
        if tag == "main":
            self.main = {k.removeprefix("data-"): v for k, v in given.items() if k.startswith("data-")}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if "data-error" in given:
            self.errors.setdefault(given["data-error"], "")
            self._error = (given["data-error"], self._depth)
        if tag == "form":
            url = urljoin(self.url, given.get("action") or self.url)
            self._form = Form(given.get("data-action", ""), url, multipart="multipart" in given.get("enctype", ""))
            self.forms.append(self._form)
        elif self._form is not None and given.get("name"):
            self._note_field(self._form, tag, given)

    def _note_field(self, form: Form, tag: str, given: Mapping[str, str]) -> None:
        name, kind = given["name"], given.get("type", "text")
        if kind in ("radio", "checkbox"):
            form.choices.setdefault(name, []).append(given.get("value", "on"))
            if "checked" in given:
                form.fields[name] = given.get("value", "on")
        elif tag == "textarea":
            form.fields[name] = ""
            self._textarea = name
        elif tag == "input" and kind not in ("file", "submit"):
            form.fields[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Leave a form, a textarea, an error."""
        if self._error and self._depth <= self._error[1]:
            self._error = None
        self._depth -= 1
        if tag in ("script", "style"):
            self._hidden -= 1
        if tag == "form":
            self._form = None
        if tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        """Collect what can be read."""
        if self._hidden:
            return
        if self._textarea and self._form:
            self._form.fields[self._textarea] += data
        if self._error:
            self.errors[self._error[0]] += data.strip()
        if data.strip():
            self._words.append(data.strip())

    def form(self, action: str) -> Form:
        """The form of that ``data-action``; Broken names what is there instead."""
        for form in self.forms:
            if form.action == action:
                return form
        there = ", ".join(form.action for form in self.forms) or "none"
        raise Broken(f"{self.url} ({self.status}) has no form {action!r} but {there}: {self.text[:300]}")


class Browser:
    """A party's browser."""

    def __init__(self, web: str, agent: str | None = None) -> None:
        self.web = web
        self.http = requests.Session()
        self.http.trust_env = False
        if agent:
            self.http.headers["User-Agent"] = agent

    def open(self, path: str, *, expect: int = 200) -> Page:
        """Open a page of ours, or any address."""
        return self._page(self.http.get(urljoin(self.web, path), timeout=TIMEOUT_S), expect)

    def send(
        self, page: Page, action: str, values: Mapping[str, str] | None = None, files: Mapping[str, Any] | None = None
    ) -> Page:
        """Fill in a page's form and send it; Broken where the page comes back with errors."""
        form = page.form(action)
        data = form.fields | dict(values or {})
        answer = self.http.post(form.url, data=data, files=files, timeout=TIMEOUT_S)
        result = self._page(answer, 200)
        if result.errors:
            raise Broken(f"{action} at {page.url} was refused: {result.errors}")
        return result

    @staticmethod
    def _page(answer: requests.Response, expect: int) -> Page:
        page = Page(answer)
        if answer.status_code != expect:
            raise Broken(
                f"{answer.request.method} {page.url} gave {answer.status_code}: {page.errors} {page.text[:400]}"
            )
        return page


# --- The world around ---------------------------------------------------------------------------------------------


class Outside:
    """The sandbox's control: what the outside is told to be, and the ledger of what reached it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        entries = self.ledger()
        self.seen = entries[-1]["seq"] if entries else 0

    def put(self, path: str, body: Any) -> Any:
        """Set something."""
        return self._json(self.http.put(f"{self.url}/_control/{path}", json=body, timeout=TIMEOUT_S))

    def post(self, path: str, body: Any) -> Any:
        """Let something happen."""
        return self._json(self.http.post(f"{self.url}/_control/{path}", json=body, timeout=TIMEOUT_S))

    def ledger(self, partner: str = "", after: int = 0) -> list[dict[str, Any]]:
        """What arrived, oldest first."""
        answer = self.http.get(
            f"{self.url}/_control/ledger", params={"partner": partner, "after": str(after)}, timeout=TIMEOUT_S
        )
        entries: list[dict[str, Any]] = self._json(answer)["entries"]
        return entries

    def told(self, partner: str, to: str, words: str = "") -> list[dict[str, Any]]:
        """What was sent to somebody by a partner since the journey began, and says ``words``."""
        return [
            entry
            for entry in self.ledger(partner, self.seen)
            if entry["to"] == to and words in (entry["text"] or "") and entry["outcome"] in ("ok", "accepted")
        ]

    @staticmethod
    def _json(answer: requests.Response) -> Any:
        if answer.status_code >= 400:
            raise Broken(f"the sandbox refuses {urlsplit(answer.url).path}: {answer.text[:300]}")
        return answer.json()


@dataclass(frozen=True)
class Worker:
    """The invented migrant worker, and where they live and work."""

    name: str
    id_number: str
    phone: str
    openid: str
    address_code: str
    address: str
    station: str
    employer: str


def invent(rng: random.Random, stations: list[str]) -> Worker:
    """A person that no file mentions."""
    surname, given = (
        rng.choice("杨吴龙潘田罗石韦"),
        rng.choice(("秀英", "建军", "志明", "小梅", "国华", "春燕", "阿强")),
    )
    number = rng.randrange(1, 60)
    community = rng.choice(("金钟社区", "桥东社区", "大成社区", "南山社区"))
    road = rng.choice(("金钟路", "桃源街", "中山路", "东门路"))
    building, room = rng.randrange(1, 9), rng.randrange(101, 699)
    firm, trade = rng.choice(("宏达", "永固", "新园", "东海")), rng.choice(("机械", "气动", "服装", "食品"))
    born = date(1972, 1, 1) + timedelta(days=rng.randrange(11_000))
    body = f"522601{born:%Y%m%d}{rng.randrange(1000):03d}"
    # GB 11643: the check character over weights 2^17 … 2^1 mod 11.
    check = "10X98765432"[sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body)) % 11]
    tag = f"{rng.randrange(16**10):010x}"
    return Worker(
        name=surname + given,
        id_number=body + check,
        phone=f"13{rng.choice('3456789')}{rng.randrange(10**8):08d}",
        openid=f"oJourney{tag}{rng.randrange(16**10):010x}"[:28],
        address_code=f"330213{rng.randrange(10**13):013d}",
        address=f"浙江省宁波市奉化区岳林街道{community}{road}{number}号{building}幢{room}室",
        station=rng.choice(stations),
        employer=f"奉化区{firm}{trade}有限公司",
    )


# --- The story ----------------------------------------------------------------------------------------------------


@dataclass
class Step:
    """One step as it was told: what was done, and what each party sees."""

    name: str
    seen: dict[str, str]


class Journey:
    """The walk; ``steps`` and ``identifiers`` are what it leaves."""

    def __init__(self, web: str, sandbox: str, run: Mapping[str, Any], seed: int, tell: Callable[[Step], None]) -> None:
        self.web, self.staff, self.tell = web, list(run["staff"]), tell
        self.outside = Outside(sandbox)
        stations = sorted({s["office"] for s in self.staff if "approver" in s["roles"]})
        self.worker = invent(random.Random(seed), stations)
        self.phone = Browser(web, WECHAT_BROWSER)
        self.steps: list[Step] = []
        self.identifiers: dict[str, Any] = {"seed": seed}

    def done(self, name: str, **seen: str) -> None:
        """Note a step and tell it."""
        step = Step(name, seen)
        self.steps.append(step)
        self.tell(step)

    def walk(self) -> None:
        """The whole story; raises Broken at the first step that fails."""
        self.world()
        self.follows_and_comes_in()
        self.reads_what_is_taken()
        self.binds()
        self.registers_the_address()
        self.applies()
        self.is_accepted_and_approved()
        self.card_is_made_and_posted()
        self.signs_for_it()

    # -- the worker

    def world(self, *, registered_before: bool = True) -> None:
        """Invent the person by way of the registers; registered in the province more than half a year ago, or never."""
        worker, today = self.worker, datetime.now().date()  # noqa: DTZ005 - the registers' dates are calendar days
        portrait = "".join(PORTRAIT.split())
        earlier = {
            "address": "浙江省杭州市萧山区北干街道育才路1号", "district": "330109",
            "since": str(today - timedelta(days=400)), "until": None,
        }  # fmt: skip
        self.outside.put(
            f"people/{worker.id_number}",
            {
                "name": worker.name, "phone": worker.phone, "hukou_code": "522601",
                "hukou_address": "贵州省凯里市三棵树镇", "portrait": portrait, "face": "match",
            },
        )  # fmt: skip
        self.outside.put(
            f"employment/{worker.id_number}",
            {
                "employer": worker.employer, "credit_code": "91330283MA2AH0001N",
                "since": str(today - timedelta(days=500)), "until": None,
            },
        )  # fmt: skip
        self.outside.put(
            f"migrants/{worker.id_number}",
            {
                "registrations": [earlier] if registered_before else [],
                "permits": [],
            },
        )  # fmt: skip
        self.outside.put(
            f"addresses/{worker.address_code}",
            {"text": worker.address, "station": worker.station, "community": "社区", "grid": "01"},
        )
        self.identifiers |= {"id_number": worker.id_number, "phone": worker.phone, "openid": worker.openid}
        self.done("world", 登记簿=f"{worker.name}，{worker.employer}，住 {worker.address}")

    def follows_and_comes_in(self) -> None:
        """Follow the account, come in by WeChat's OAuth, and land on a clean address of ours."""
        self.outside.put(f"followers/{self.worker.openid}", {})
        answer = self.phone.http.get(f"{self.web}/h5/", timeout=TIMEOUT_S, allow_redirects=False)
        hops = 0
        while answer.is_redirect and hops < 12:
            place = urljoin(answer.url, answer.headers["Location"])
            if "/connect/oauth2/authorize" in place:
                address, _, fragment = place.partition("#")
                if fragment != "wechat_redirect":
                    raise Broken("the way to WeChat's authorize page lacks #wechat_redirect")
                place = f"{address}&_openid={self.worker.openid}"
            answer, hops = self.phone.http.get(place, timeout=TIMEOUT_S, allow_redirects=False), hops + 1
        page = Page(answer)
        if answer.status_code != 200 or "code=" in page.url or not page.url.startswith(self.web):
            raise Broken(f"coming in by WeChat ended at {urlsplit(page.url).path} with {answer.status_code}")
        self.done("come in by WeChat", 微信=f"关注并从菜单进入 {urlsplit(page.url).path}")

    def reads_what_is_taken(self) -> None:
        """Read what is asked, what registers supply, why, how long and for whom."""
        page = self.phone.open(f"/h5/items/{PERMIT}")
        for words in ("居住证", "社会保险", "15", "保存"):
            if words not in page.text:
                raise Broken(f"the guide doesn't say {words}: {page.text[:400]}")
        self.done("read the guide", 办事指南="要什么、谁提供、多少天、免费、跑动 0 次")

    def binds(self) -> None:
        """Bind name, number and phone by the SMS code, then show the living person by a photo."""
        worker, told = (
            self.worker,
            {"name": self.worker.name, "id_number": self.worker.id_number, "phone": self.worker.phone},
        )
        page = self.phone.open("/h5/bind")
        sent = self.phone.send(page, "send_code", self._only(page, "send_code", told))
        code = self.until("the SMS code arrives", lambda: self._code_to(worker.phone))
        if "bind" not in [form.action for form in sent.forms]:
            sent = self.phone.open("/h5/bind")
        consent = self._consents(sent, "bind")
        page = self.phone.send(sent, "bind", told | consent | {"code": code})
        photo = {"file": ("photo.jpg", base64.b64decode("".join(PORTRAIT.split())), "image/jpeg")}
        page = self.phone.send(page, "face", {"consent_face": "yes"}, files=photo)
        home = self.phone.open(f"/h5/items/{PERMIT}")
        if "符合" not in home.text:
            raise Broken(f"after binding, the conditions are not shown: {home.text[:400]}")
        self.done("bind", 短信=f"验证码发到 {_masked(worker.phone)}", 微信="姓名、身份证号、手机号一致，人脸比对通过")

    def registers_the_address(self) -> None:
        """Register the address chosen from the standard-address register; done at once."""
        page = self._start(REGISTRATION)
        found = self.phone.open(f"{page.url.split('?')[0]}?q={self.worker.address}")
        chosen = {"address_code": self.worker.address_code, "residence_kind": "rented", "room": ""}
        page = self.phone.send(found, "save", chosen)
        page = self._submit(page)
        if page.main.get("state") != "completed":
            raise Broken(f"the registration is {page.main}, not completed")
        self.identifiers["registration_case"] = page.main["case-number"]
        self.until(
            "the registration is told",
            lambda: self.outside.told("wechat_api", self.worker.openid, page.main["case-number"]),
        )
        self.done(
            "register the address", 微信=f"居住登记 {page.main['case-number']} 当场办结", 公众号="模板消息：已办结"
        )

    def applies(self) -> None:
        """Apply on the ground of employment: everything that registers know is shown to be confirmed."""
        page, worker = self._start(PERMIT), self.worker
        answers = {"ground": "employment", "employment_correct": "yes", "portrait_correct": "yes"}
        seen_employer = False
        for _ in range(8):
            save = next((form for form in page.forms if form.action == "save"), None)
            if save is None:
                break
            seen_employer |= worker.employer in page.text
            values = {name: value for name, value in answers.items() if name in save.choices or name in save.fields}
            blank = [name for name, value in save.fields.items() if not value and name == "postal_address"]
            values |= dict.fromkeys(blank, worker.address)
            page = self.phone.send(page, "save", values)
        if not seen_employer:
            raise Broken("the employer that the register knows was not shown to be confirmed")
        page = self._submit(page)
        main = page.main
        if main.get("state") != "submitted" or main.get("visits") != "0":
            raise Broken(f"the application is {main}")
        self.identifiers |= {"case_id": main["case-id"], "case_number": main["case-number"]}
        self.expect_told("申请已提交", "待受理")
        self.done("apply", 微信=f"{main['case-number']} 已提交，跑动 0 次", 公众号="模板消息：待受理")

    # -- the officers

    def is_accepted_and_approved(self) -> None:
        """A clerk of the address's station claims and accepts, another officer approves."""
        case = self.identifiers["case_id"]
        clerk = self._staff(self.worker.station, "clerk")
        approver = self._staff(self.worker.station, "approver", but=clerk["login"])
        desk = self._logs_in(clerk)
        listed = desk.open("/console/cases")
        if self.identifiers["case_number"] not in listed.text:
            raise Broken(f"the clerk's list doesn't show the case: {listed.text[:400]}")
        page = desk.open(f"/console/cases/{case}")
        if self.worker.id_number in page.text or self.worker.employer not in page.text:
            raise Broken("the clerk must see what the register answered, and no whole identity number")
        page = desk.send(page, "claim")
        page = desk.send(page, "accept")
        self._state(page, "accepted")
        self.expect_told("申请已受理", "已受理")
        self._worker_sees("accepted")
        self.done("accept", 派出所=f"{clerk['login']} 领取并受理", 公众号="模板消息：已受理，写明承诺日期")
        office = self._logs_in(approver)
        page = office.send(office.open(f"/console/cases/{case}"), "approve")
        self._state(page, "approved")
        self.expect_told("申请已批准", "已批准")
        self._worker_sees("approved")
        self.done("approve", 派出所=f"{approver['login']} 审批通过", 公众号="模板消息：已批准")

    def card_is_made_and_posted(self) -> None:
        """The service centre enters the card's number; EMS gives a number, and its label is scanned at hand-over."""
        case = self.identifiers["case_id"]
        stations = {s["office"] for s in self.staff if "approver" in s["roles"]}
        centre = next(s for s in self.staff if "clerk" in s["roles"] and s["office"] not in stations)
        desk = self._logs_in(centre)
        card = f"330213{random.Random(self.identifiers['seed']).randrange(10**10):010d}"
        page = desk.send(desk.open(f"/console/cases/{case}"), "make", {"card_number": card})
        self._state(page, "made")
        tracking = self.until("EMS takes the order", self._parcel_order)
        self.until("the tracking number is on the case", lambda: tracking in desk.open(f"/console/cases/{case}").text)
        page = desk.send(desk.open(f"/console/cases/{case}"), "post", {"tracking": tracking})
        self._state(page, "posted")
        self.expect_told("证件已寄出", "已寄出")
        if tracking not in self._worker_sees("posted").text:
            raise Broken("the worker's page doesn't show the tracking number")
        self.identifiers |= {"card_number": card, "tracking": tracking}
        self.done("make and post", 服务中心=f"证件 {card} 交 EMS", 邮政=f"邮件号 {tracking}", 公众号="模板消息：已寄出")

    def signs_for_it(self) -> None:
        """The courier hands it over to the person: the case completes by itself, without one visit."""
        for code in ("203", "702"):
            self.outside.post(f"parcels/{self.identifiers['tracking']}", {"opCode": code})
        self.outside.post(f"parcels/{self.identifiers['tracking']}", {"opCode": "704", "deliverCode": "10"})
        page = self.until("the signature completes the case", lambda: self._in_state("completed"))
        if page.main.get("visits") != "0":
            raise Broken(f"the case says {page.main.get('visits')} visits")
        self.expect_told("办件已办结", "已办结")
        told = self.outside.told("wechat_api", self.worker.openid, self.identifiers["case_number"])
        states = [
            word
            for word in ("待受理", "已受理", "已批准", "已制证", "已寄出", "已办结")
            if any(word in t["text"] for t in told)
        ]
        if len(told) != 6 or len(states) != 6:
            raise Broken(f"the worker was told {len(told)} times ({states}), not once at each of six turns")
        self.done("sign", 邮政="本人签收", 公众号="模板消息：已办结", 办件="全程跑动 0 次，每一步各告知一次")

    # -- small helps

    def until(self, what: str, probe: Callable[[], Any]) -> Any:
        """Ask until there is an answer, for some seconds."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = probe()
            if found:
                return found
            time.sleep(0.2)
        raise Broken(f"in {PATIENCE_S:.0f} s it did not happen that {what}")

    def expect_told(self, _title: str, state: str) -> None:
        """The worker was told of a turn by WeChat, exactly once."""
        number = self.identifiers["case_number"]

        def told() -> list[dict[str, Any]]:
            return [t for t in self.outside.told("wechat_api", self.worker.openid, number) if state in t["text"]]

        if len(self.until(f"the worker is told {state}", told)) != 1:
            raise Broken(f"the worker was told {state} more than once")

    def _code_to(self, phone: str) -> str | None:
        texts = [entry["text"] for gateway in SMS_GATEWAYS for entry in self.outside.told(gateway, phone)]
        codes = [match.group() for text in texts if (match := re.search(r"(?<!\d)\d{6}(?!\d)", text))]
        return codes[-1] if codes else None

    def _parcel_order(self) -> str | None:
        for entry in self.outside.ledger("ems", self.outside.seen):
            if entry["operation"] == "020003" and self.worker.name in (entry["to"] or "") + (entry["text"] or ""):
                found = re.search(r"(?<!\d)\d{13}(?!\d)", json.dumps(entry, ensure_ascii=False))
                if found:
                    return found.group()
        return None

    def _start(self, item: str) -> Page:
        return self.phone.send(self.phone.open(f"/h5/items/{item}"), "start")

    def _submit(self, page: Page) -> Page:
        if "submit" not in [form.action for form in page.forms]:
            raise Broken(f"no check-your-answers page came: {page.url} {page.text[:300]}")
        return self.phone.send(page, "submit", {"commitment": "yes"})

    @staticmethod
    def _only(page: Page, action: str, values: Mapping[str, str]) -> dict[str, str]:
        form = page.form(action)
        return {name: value for name, value in values.items() if name in form.fields}

    @staticmethod
    def _consents(page: Page, action: str) -> dict[str, str]:
        """Tick every single box of a form: what was read is agreed to."""
        return {name: values[0] for name, values in page.form(action).choices.items() if len(values) == 1}

    def _staff(self, office: str, role: str, but: str = "") -> Mapping[str, Any]:
        for member in self.staff:
            fits = role in member["roles"] and member["office"] == office and member["login"] != but
            if fits and (role != "approver" or member["standing"] == "officer"):
                return member
        raise Broken(f"run.json names no {role} at {office}")

    def _logs_in(self, member: Mapping[str, Any]) -> Browser:
        browser = Browser(self.web)
        browser.send(browser.open("/console/login"), "login", {k: member[k] for k in ("login", "password")})
        return browser

    @staticmethod
    def _state(page: Page, state: str) -> None:
        if page.main.get("state") != state:
            raise Broken(f"the case is {page.main.get('state')}, not {state}: {page.text[:300]}")

    def _in_state(self, state: str) -> Page | None:
        page = self.phone.open(f"/h5/cases/{self.identifiers['case_id']}")
        return page if page.main.get("state") == state else None

    def _worker_sees(self, state: str) -> Page:
        page = self._in_state(state)
        if page is None:
            raise Broken(f"the worker's page doesn't show {state}")
        return page


def _masked(phone: str) -> str:
    return f"{phone[:3]}****{phone[-4:]}"


def run(web: str | None, sandbox: str | None, run_file: Path, seed: int | None, as_json: bool) -> int:
    """Walk the story and tell it; returns the exit status."""
    try:
        known = json.loads(run_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _fail(f"{run_file} is missing: start the installation by `make run` first, or name its file by --run")
    seed = random.SystemRandom().randrange(10**9) if seed is None else seed
    out = sys.stderr if as_json else sys.stdout

    def tell(step: Step) -> None:
        print(
            f"✓ {step.name}", *(f"    {who}：{what}" for who, what in step.seen.items()), sep="\n", file=out, flush=True
        )

    print(f"seed {seed}", file=out, flush=True)
    journey = Journey(
        (web or known["web_url"]).rstrip("/"), (sandbox or known["sandbox_url"]).rstrip("/"), known, seed, tell
    )
    broken: str | None = None
    try:
        journey.walk()
    except (Broken, requests.RequestException) as fault:
        broken = str(fault)
        print(f"✗ after {journey.steps[-1].name if journey.steps else 'nothing'}: {broken}", file=sys.stderr)
    if as_json:
        steps = [{"name": step.name, "seen": step.seen} for step in journey.steps]
        document = {"ok": broken is None, "steps": steps, "identifiers": journey.identifiers, "broken": broken}
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        for name, value in journey.identifiers.items():
            print(f"  {name}: {value}")
    return 0 if broken is None else 1


def _fail(words: str) -> int:
    print(words, file=sys.stderr)
    return 1
