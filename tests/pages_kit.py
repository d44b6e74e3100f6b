"""A browser that judges pages: what every page of ours must pass, in WeChat on a phone and at an officer's desk.

``check_page(page, name)`` collects everything wrong with the page as shown (content policy, script errors, axe, width,
target sizes, focus outline) into one AssertionError and leaves a screenshot. Contexts of different persons may be open
together.
"""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect, sync_playwright
from werkzeug.serving import make_server

ROOT = Path(__file__).parent.parent

WECHAT_AGENT = (
    "Mozilla/5.0 (Linux; Android 13; V2243A Build/TP1A.220624.014; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160065 MicroMessenger/8.0.48.2580(0x28003036) "
    "WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64"
)

#: The rules of axe that pages must pass.
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

#: How long a page may take to show what is waited for: a machine full of other tests is slow.
_PATIENCE_MS = 60_000
expect.set_options(timeout=_PATIENCE_MS)

#: Taller than this no window is made, CSS pixels.
_TALLEST_WINDOW = 8000

#: What is asked of a page, in its own language: see there.
_PROBE = (Path(__file__).parent / "pages" / "probe.js").read_text(encoding="utf-8")


def chromium_path() -> str | None:
    """The system's Chromium (``CHROMIUM`` names another); None where playwright's own one is to be used."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


def artefacts() -> Path:
    """The folder that screenshots go to: ``PAGES_ARTEFACTS``, else test-results/pages in the checkout."""
    folder = Path(os.environ.get("PAGES_ARTEFACTS") or ROOT / "test-results" / "pages")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@functools.cache
def axe_source() -> str:
    """The source of axe-core, found in node_modules of the checkout or in the folder that ``NODE_MODULES`` names."""
    folder = Path(os.environ.get("NODE_MODULES") or ROOT / "node_modules")
    return (folder / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@dataclass
class Watch:
    """What a page reported by itself since it was opened."""

    script_errors: list[str] = field(default_factory=list)
    console_errors: list[str] = field(default_factory=list)


class PagesBrowser:
    """One headless Chromium; a context for each person. Close it by leaving ``pages_browser()``."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._contexts: list[BrowserContext] = []

    def phone(
        self, *, width: int = 360, dark: bool = False, care: bool = False, script: bool = True, base_url: str = ""
    ) -> Page:
        """A page in WeChat on a phone, 360 px wide unless told otherwise; ``care`` starts in 长辈版."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 740},
            device_scale_factor=2,
            is_mobile=True,
            has_touch=True,
            locale="zh-CN",
            color_scheme="dark" if dark else "light",
            user_agent=WECHAT_AGENT,
            java_script_enabled=script,
            base_url=base_url or None,
        )
        if care:
            context.add_cookies([{"name": "care", "value": "1", "url": base_url}])
        return self._open(context)

    def desktop(
        self, *, width: int = 1366, height: int = 768, dark: bool = False, script: bool = True, base_url: str = ""
    ) -> Page:
        """A page on an officer's computer; ``dark`` sets the console's own preference."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            locale="zh-CN",
            java_script_enabled=script,
            base_url=base_url or None,
        )
        if dark:
            context.add_cookies([{"name": "theme", "value": "dark", "url": base_url}])
        return self._open(context)

    def _open(self, context: BrowserContext) -> Page:
        self._contexts.append(context)
        context.set_default_timeout(_PATIENCE_MS)
        context.add_init_script(f"({_PROBE}).listen()")
        page = context.new_page()
        watch = Watch()
        page.on("pageerror", lambda error: watch.script_errors.append(str(error)))
        page.on("console", functools.partial(_note_console, page, watch))
        _WATCHES[page] = watch
        return page

    def close(self) -> None:
        """Close every context that was opened here."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()


_WATCHES: dict[Page, Watch] = {}


def _note_console(page: Page, watch: Watch, message: ConsoleMessage) -> None:
    # The browser reports a page that answers 4xx by intent (a form with errors) as it does a picture that is missing.
    by_intent = "the server responded with a status of" in message.text and message.location["url"] == page.url
    # What is kept while typing is told so where a save overtook it.
    by_intent |= "a status of 409" in message.text and message.location["url"].endswith("/autosave")
    # Nor is a page signed that a test serves at another address than the installation's own.
    by_intent |= "a status of 400" in message.text and "/h5/jssdk-config?" in message.location["url"]
    if message.type == "error" and not by_intent:
        watch.console_errors.append(f"{message.text} {message.location['url']}")


_SHARED: list[tuple[Playwright, Browser]] = []


def _chromium() -> Browser:
    """This process's one Chromium (back-forward cache on, as on phones); a new one where it died."""
    if _SHARED and not _SHARED[0][1].is_connected():
        end_chromium()
    if not _SHARED:
        playwright = sync_playwright().start()
        browser = playwright.chromium.launch(
            executable_path=chromium_path(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--lang=zh-CN"],
            ignore_default_args=["--disable-back-forward-cache"],
            env={**os.environ, "LANGUAGE": "zh_CN"},
        )
        _SHARED.append((playwright, browser))
    return _SHARED[0][1]


def end_chromium() -> None:
    """End this process's Chromium, if there is one."""
    while _SHARED:
        playwright, browser = _SHARED.pop()
        browser.close()
        playwright.stop()


@contextmanager
def pages_browser() -> Iterator[PagesBrowser]:
    """A Chromium with nobody in it. Its process goes on for whoever comes next; every context is a browser anew."""
    pages = PagesBrowser(_chromium())
    try:
        yield pages
    finally:
        pages.close()


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve an application on a free loopback port; yields its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def faults_of(page: Page, *, least: int | None = None, tab_stops: int = 60) -> list[str]:
    """Everything wrong with the page as it is shown now, one sentence each; empty for a good page.

    ``least`` is the smallest target in CSS px: by default 44 on a phone, 60 in 长辈版, 24 at a desk.
    """
    if least is None:
        phone = page.evaluate("document.body.classList.contains('h5') || innerWidth < 700")
        least = (60 if page.evaluate("document.body.classList.contains('care')") else 44) if phone else 24
    watch = _WATCHES[page]
    faults = [f"content policy: {line}" for line in page.evaluate("window.__csp")]
    faults += [f"script error: {line}" for line in watch.script_errors]
    faults += [f"console: {line}" for line in watch.console_errors if "Content Security Policy" not in line]
    faults += _axe_faults(page)
    wide = _ask(page, "wide()")
    if wide:
        faults.append(f"wider than the screen by {wide}")
    faults += [f"small target (< {least}): {what}" for what in _ask(page, f"smallTargets({least})")]
    faults += _unseen_focus(page, tab_stops)
    return faults


def _ask(page: Page, call: str) -> Any:
    return page.evaluate(f"({_PROBE}).{call}")


def _axe_faults(page: Page) -> list[str]:
    # evaluate() is not stopped by the page's content policy, so the real policy stays on.
    page.evaluate(axe_source() + ";0")
    window = page.viewport_size
    if window is not None:
        # axe can't judge a line that the window's edge cuts through: while it looks, the whole page fits.
        height = min(page.evaluate("document.documentElement.scrollHeight"), _TALLEST_WINDOW)
        page.set_viewport_size({"width": window["width"], "height": max(height, window["height"])})
    result: dict[str, Any] = page.evaluate(
        "tags => axe.run(document, {runOnly: tags, resultTypes: ['violations', 'incomplete']})",
        AXE_TAGS,
    )
    if window is not None:
        page.set_viewport_size(window)
    found = [
        f"axe {rule['id']}: {node['html'][:160]} ({node.get('failureSummary', '').splitlines()[-1].strip()[:200]})"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]
    # What axe can't decide about contrast is looked at by a person; words over a gradient are
    # one known case, words of a drawn chart the other: their figures stand in the table beside it.
    found += [
        f"axe can't judge contrast: {node['html'][:120]}"
        for rule in result["incomplete"]
        if rule["id"] == "color-contrast"
        for node in rule["nodes"]
        if not any("bgGradient" in str(check.get("data")) for check in node["any"])
        and not node["html"].startswith('<text dominant-baseline="central"')
    ]
    return found


def _unseen_focus(page: Page, tab_stops: int) -> list[str]:
    _ask(page, "startRound()")
    faults = []
    for _ in range(tab_stops):
        page.keyboard.press("Tab")
        stop = _ask(page, "focused()")
        if stop is None:
            break
        if not stop["ok"]:
            faults.append(f"focus can't be seen: {stop['what']}")
    return faults


_NAME = """() => {
  const el = document.activeElement;
  const labels = el && el.labels ? [...el.labels] : [];
  if (labels.length) return labels.map(one => one.innerText).join(" ");
  // A region that is scrolled by keys holds much, and is none of it.
  return (el && ((el.matches("a, button, summary") && el.innerText) || el.ariaLabel)) || "";
}"""


def reach(page: Page, words: str, *, at_once: bool = False, most: int = 60) -> None:
    """Press Tab until what bears those words has the focus, which must be seen at each stop; ``at_once``: by one press.

    Raises AssertionError where a stop can't be seen, or it isn't reached: the page ends before, or holds the focus.
    """
    passed: list[str] = []
    for _ in range(1 if at_once else most):
        page.keyboard.press("Tab")
        page.evaluate("() => { window.__round = new Set() }")
        stop = _ask(page, "focused()")
        passed.append(str(page.evaluate(_NAME)).strip())
        assert stop is None or stop["ok"], f"focus can't be seen: {stop['what']}"
        if stop is not None and words in passed[-1]:
            return
    raise AssertionError(f"{words} isn't reached by Tab: {passed}")


def enlarge(page: Page, factor: float = 1.6) -> None:
    """Enlarge all text as WeChat's largest font setting does."""
    _ask(page, f"enlarge({factor})")


def screenshot(page: Page, name: str) -> Path:
    """A picture of the whole page in the artefact folder."""
    path = artefacts() / f"{name}.png"
    page.evaluate("document.activeElement && document.activeElement.blur(); scrollTo(0, 0)")
    # One pixel for each of CSS: a page is judged by what stands where, and four times the pixels take half a second.
    page.screenshot(path=path, full_page=True, scale="css")
    return path


def check_page(page: Page, name: str, *, least: int | None = None) -> Path:
    """Assert that nothing is wrong with the page (``faults_of``), leave its screenshot and return its path."""
    picture = screenshot(page, name)
    faults = faults_of(page, least=least)
    assert not faults, f"{name} ({page.url}):\n  " + "\n  ".join(faults)
    return picture
