"""The composition root: puts the application together, and the command line.

The only file that knows all packages. Commands import what they need when they run, so that `journey` needs no
database and no keys.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import click

if TYPE_CHECKING:
    from apiflask import APIFlask
    from flask import Flask

    from citizen_services.settings import Settings
    from notifications.texts import Registered


def create_app(settings: Settings | None = None, *, process: str = "web") -> Flask:
    """The application of one process. Raises SettingsError, or InvalidDeclaration with every fault of the catalogue.

    ``process`` is ``web``, ``worker``, ``scheduler`` or ``command``: the name that PostgreSQL shows for its
    connections.
    """
    from werkzeug.middleware.proxy_fix import ProxyFix

    import notifications
    import workflows
    from citizen_services import api, clock, console, logs, metrics, portal, redis, security, wechat
    from citizen_services.catalogue import Catalogue
    from citizen_services.database.base import db, engine_options
    from citizen_services.database.installation import read_clock_shift
    from citizen_services.exchange.clients import partner_clients
    from citizen_services.pages import MACHINE_DOORS, init_pages
    from citizen_services.parts import EXTENSION, Parts
    from citizen_services.people.web import DoorSessions
    from citizen_services.rules.periods import packaged_calendar
    from citizen_services.rules.templates import ALIYUN, GATEWAYS
    from citizen_services.settings import Settings

    settings = settings or Settings.load()
    logs.configure(settings.environment)
    security.use(security.Keyring(settings.data_keys, settings.lookup_keys, settings.audit_key))
    app = _house()
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(f"citizen_services {process}"),
        # The largest honest request is a photo; what is larger is refused before it is read.
        MAX_CONTENT_LENGTH=12 * 1024 * 1024,
        MAX_FORM_MEMORY_SIZE=256 * 1024,
        SESSION_COOKIE_SECURE=settings.public_base_url.startswith("https:"),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PAGES_BUREAU=settings.bureau,
        PAGES_HELP_PHONE=settings.help_phone,
        PAGES_HELP_COUNTER=settings.help_counter,
    )
    logs.identify(app)
    metrics.watch(app)
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    clock.use(clock.Clock(settings.clock_offset_s, None if settings.production else lambda: read_clock_shift(engine)))
    signature = max((settings.partners[name]["sign_name"] for name in settings.sms_gateways), key=len, default="")
    variables = {"sms_tencent": settings.sms_tencent_variable}
    gateways = [
        replace(GATEWAYS[name], variable=variables.get(name, GATEWAYS[name].variable)) for name in settings.sms_gateways
    ] or [ALIYUN]
    app.extensions[EXTENSION] = Parts(
        settings=settings,
        catalogue=Catalogue(
            workflows.declared(), packaged_calendar(), signature, gateways, workflows.declared_at_counter()
        ),
        redis=redis.web_client(settings.redis_url),
        clients=partner_clients(settings, engine),
    )
    app.session_interface = DoorSessions(MACHINE_DOORS)
    init_pages(app, api.machine_error)
    for room in (portal, console, wechat, api, notifications):
        room.init_app(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _house() -> APIFlask:
    from apiflask import APIFlask

    class House(APIFlask):
        """Flask without coroutines: no hook or view of ours is one, and a dozen of them are asked at each request."""

        def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
            return func

    return House("citizen_services", spec_path="/api/openapi.json", docs_path=None, json_errors=False)


def web() -> Flask:
    """What the web server runs, in each of its processes; refused where the database is not one that it can serve."""
    from citizen_services.cases.fitness import refuse_unfit
    from notifications import heartbeats

    app = create_app()
    with app.app_context():
        refuse_unfit(app.extensions["citizen_services"].settings, app.extensions["citizen_services"].catalogue)
    heartbeats.start(app, "web")
    return app


# --- The command line ---------------------------------------------------------------------------------------------


def _told(as_json: bool, document: Any, words: Callable[[Any], str]) -> None:
    """Print one JSON document, or words for people."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str) if as_json else words(document))


def _failed(words: str) -> NoReturn:
    """Tell a person what is wrong, and end with 1."""
    click.echo(words, err=True)
    sys.exit(1)


_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """citizen_services: at most one trip."""


@cli.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from citizen_services.database import migrate as migration
    from citizen_services.settings import Settings

    migration.upgrade(Settings.load().database_url)


@cli.command()
def seed() -> None:
    """Load the demo district's offices, staff and published weeks; a second time nothing changes."""
    from citizen_services import demo, demo_traffic

    app = create_app(process="command")
    with app.app_context():
        demo.seed()
        demo_traffic.seed()


@cli.command("first-admin")
@click.option("--role", type=click.Choice(["system_admin", "security_admin"]), required=True)
@click.option("--login", required=True, help="The name typed at login.")
@click.option("--name", required=True)
@click.option("--standing", type=click.Choice(["officer", "civilian"]), default="officer")
@click.option("--office", required=True, help="The office's code; a service centre is made where it is new.")
@click.option("--office-name", default="")
@click.option("--office-address", default="")
@click.option("--office-phone", default="")
def first_admin_command(**given: str) -> None:
    """Make the first system or security administrator; both go on from the console. Prints the password once."""
    from citizen_services.database import commit
    from citizen_services.people import administration
    from citizen_services.people.queries import offices

    app = create_app(process="command")
    with app.app_context():
        place = {name: given[f"office_{name}"] for name in ("name", "address", "phone")}
        try:
            if given["office"] not in offices():
                if not all(place.values()):
                    _failed("a new office needs --office-name, --office-address and --office-phone")
                kind = {"code": given["office"], "kind": "service_centre", "serves": ""}
                administration.save_office(None, place | kind)
            person = {"login": given["login"], "name": given["name"], "standing": given["standing"]}
            password = administration.first_admin(given["role"], person | {"office": given["office"], "under": ""})
        except administration.CannotAdminister as fault:
            _failed(str(fault))
        commit()
    click.echo(password)


@cli.command("demo")
@click.option("--citizens", type=click.IntRange(1, 100_000), help="How many people to invent.")
@click.option("--slot", type=click.IntRange(1, 1000), help="Make a slot with so many places to book.")
@_json
def demo_command(citizens: int | None, slot: int | None, as_json: bool) -> None:
    """Invent citizens who are bound and logged in and may apply at once, or a slot to be booked."""
    from citizen_services import demo_traffic
    from citizen_services.demo import NotInProduction
    from citizen_services.demo_people import invite

    app = create_app(process="command")
    with app.app_context():
        try:
            if slot:
                made = demo_traffic.slot(slot)
                _told(as_json, made, lambda one: f"{one['slot_id']}  {one['start']}  {one['capacity']}")
                return
            if not citizens:
                _failed("say --citizens or --slot, and how many")
            people = invite(citizens)
        except NotInProduction as fault:
            _failed(str(fault))
    _told(as_json, people, lambda rows: "\n".join(f"{r['name']}  {r['phone']}  {r['openid']}" for r in rows))


@cli.command()
def worker() -> None:
    """Run an RQ worker: sends what is due, settles receipts."""
    from notifications.queue import worker_main

    worker_main(create_app(process="worker"))


def recurring() -> Mapping[str, tuple[float, Callable[[], object]]]:
    """What the scheduler does beside sending: ``{name: (every so many seconds, what)}``; each commits for itself."""
    from citizen_services.cases import papers
    from citizen_services.cases.asking import ask_away_registers
    from citizen_services.cases.audit import seal_due
    from citizen_services.cases.automatic import lapse_overdue, lapse_unpaid, remind_of_drafts
    from citizen_services.cases.figures import add_up
    from citizen_services.cases.payments import compare_bills, look_at_payments
    from citizen_services.cases.permit_facts import read_facts
    from citizen_services.cases.retention import forget_what_is_over
    from citizen_services.cases.supervising import escalate
    from citizen_services.console.export_work import remove_expired
    from citizen_services.database import commit, idempotency
    from citizen_services.fees.tasks import send_refunds
    from citizen_services.materials import sweep
    from citizen_services.people.sessions import remove_old
    from citizen_services.wechat.memory import forget_old
    from citizen_services.windows import coming, hall, holds, waiting
    from notifications.digests import make_due
    from notifications.old import remind as remind_of_old_documents
    from notifications.own import forget_old as forget_notices
    from notifications.permits import remind_of_years
    from notifications.platform import look as ask_the_platform
    from notifications.watches import refresh as refresh_expiries
    from notifications.watches import remind as remind_of_expiries

    def seal() -> None:
        seal_due()
        commit()

    def escalate_clocks() -> None:
        escalate()
        commit()

    def add_up_figures() -> None:
        add_up()
        commit()

    def tidy() -> None:
        # Each in a transaction of its own: what one of them can't remove yet keeps none of the others waiting.
        for remove in (remove_old, forget_old, idempotency.forget_old):
            remove()
            commit()

    def forget_data() -> None:
        for _ in forget_what_is_over():
            commit()
        commit()

    def close_halls() -> None:
        hall.close_day()
        commit()

    def end_waiting() -> None:
        waiting.end_overdue()
        commit()

    def sweep_photos() -> None:
        # Rows first: a crash between leaves only files, which the next sweep finds without a row.
        while sweep.forget(papers.gathering()):
            commit()
        commit()
        sweep.remove_files()

    return {
        "seal": (5, seal),
        "places that ran out": (5, holds.expire_due),
        "reminders of appointments": (60, coming.remind_due),
        "who did not come": (60, coming.note_no_shows),
        "waiting that is over": (3600, end_waiting),
        "tickets of days that are over": (3600, close_halls),
        "lapse": (60, lapse_overdue),
        "digest of what is stuck": (60, make_due),
        "payments": (5, look_at_payments),
        "fees that nobody paid": (60, lapse_unpaid),
        "refunds": (5, send_refunds),
        "bills of the payment partner": (3600, compare_bills),
        "remind of drafts": (600, remind_of_drafts),
        "permits' years": (600, remind_of_years),
        "documents to come back": (600, remind_of_old_documents),
        "data whose time is over": (86_400, forget_data),
        "notices whose time is over": (86_400, forget_notices),
        "permits ended by fact": (300, read_facts),
        "answers of the platform": (60, ask_the_platform),
        "expiries to refresh": (60, refresh_expiries),
        "expiries to tell": (600, remind_of_expiries),
        "registers that were away": (300, ask_away_registers),
        "clocks to supervisors": (300, escalate_clocks),
        "figures of months": (300, add_up_figures),
        "exports over": (60, remove_expired),
        "tidy": (600, tidy),
        "photos": (86_400, sweep_photos),
    }


@cli.command()
def scheduler() -> None:
    """Run the scheduler: sweeps what is due; safe to run twice."""
    from notifications.scheduler import every, scheduler_main

    for name, (seconds, function) in recurring().items():
        # What some of them return, nobody asks for here.
        every(seconds, cast("Callable[[], None]", function), name)
    scheduler_main(create_app(process="scheduler"))


@cli.command()
@click.option("--host", default="127.0.0.1")
@click.option("--port", type=int, envvar="SANDBOX_PORT", default=8001)
def sandbox(host: str, port: int) -> None:
    """Run the stand-ins of the outside systems; never in production."""
    import os

    from citizen_services.sandbox import main
    from citizen_services.settings import read_env_file

    if os.environ.get("APP_ENV") == "production":
        _failed("the sandbox doesn't run in production")
    var_dir = Path(os.environ.get("VAR_DIR") or "var").absolute()
    environ = read_env_file(var_dir / "settings.env") | dict(os.environ)
    main(host, port, var_dir / "sandbox" / "ledger.jsonl", environ, _approved_templates())


def _approved_templates() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Our message templates as the stand-ins have approved them: (partner, code, what its control takes)."""
    from citizen_services.rules.templates import GATEWAYS

    for template in _templates():
        if template.partner in GATEWAYS:
            yield template.partner, template.key, {"text": template.content, "kind": template.kind}
        else:
            known = {"title": template.title, "content": template.content}
            yield template.partner, template.key, known
            # As a subscription's template it has another id, as at WeChat.
            yield "wechat_subscribe", f"sub_{template.key}", known


def _templates() -> Iterator[Registered]:
    import workflows
    from citizen_services.catalogue import Catalogue
    from citizen_services.rules.periods import packaged_calendar
    from citizen_services.rules.templates import GATEWAYS
    from notifications.texts import templates_of

    yield from templates_of(Catalogue(workflows.declared(), packaged_calendar()), tuple(GATEWAYS))


@cli.command()
@_json
def templates(as_json: bool) -> None:
    """List the message templates to be registered with the partners, each in the partner's own notation."""
    from dataclasses import asdict

    _told(
        as_json,
        [asdict(template) for template in _templates()],
        lambda rows: "\n\n".join(f"{r['partner']}  {r['key']}  {r['title']}\n{r['content']}" for r in rows),
    )


@cli.command("clock")
@click.option("--shift", type=int, help="Move business time forward by so many seconds more.")
@_json
def clock_command(shift: int | None, as_json: bool) -> None:
    """Show business time, or move it forward for all processes at once."""
    from citizen_services import clock
    from citizen_services.database.installation import TooFar, move_clock

    app = create_app(process="command")
    with app.app_context():
        if shift is not None:
            if app.extensions["citizen_services"].settings.production:
                _failed("business time can't be moved in production")
            if shift < 0:
                _failed("business time only moves forward")
            try:
                move_clock(shift)
            except TooFar as fault:
                _failed(str(fault))
        document = {
            "now": clock.now().astimezone(clock.SHANGHAI).isoformat(timespec="seconds"),
            "shift_s": clock.shift_s(),
        }
        _told(as_json, document, lambda d: f"business time: {d['now']} (shifted by {d['shift_s']} s)")


@cli.command()
@click.option("--web", help="Address of the pages; run.json's where not given.")
@click.option("--sandbox", help="Address of the sandbox; run.json's where not given.")
@click.option("--seed", type=int, help="The person to invent; another one each time where not given.")
@click.option("--run", "run_file", type=click.Path(path_type=Path), help="The installation's run.json.")
@_json
def journey(web: str | None, sandbox: str | None, seed: int | None, run_file: Path | None, as_json: bool) -> None:
    """Walk the story of a residence permit from outside, asserting each step from the other party's side."""
    import os

    from citizen_services.journey import run

    run_file = run_file or Path(os.environ.get("VAR_DIR") or "var") / "run.json"
    sys.exit(run(web, sandbox, run_file, seed, as_json))


@cli.command()
@click.argument("code", required=False)
@_json
def items(code: str | None, as_json: bool) -> None:
    """List the service items, or show the whole of one: its fields, materials, states, actions, clocks."""
    import workflows
    from citizen_services.catalogue import Catalogue, UnknownItem, describe
    from citizen_services.rules.periods import packaged_calendar

    at_counter = workflows.declared_at_counter()
    catalogue = Catalogue(workflows.declared(), packaged_calendar(), counter_services=at_counter)
    if code is None:
        _told(
            as_json,
            [describe.summary(item) for item in catalogue.services()],
            lambda rows: "\n".join(f"{row['code']:<28} {row['name']}（版本 {row['version']}）" for row in rows),
        )
        return
    try:
        item = catalogue.service(code)
    except UnknownItem:
        _failed(f"no service item {code}; `app.py items` lists them")
    _told(as_json, describe.whole(item), lambda d: json.dumps(d, ensure_ascii=False, indent=2))


@cli.command()
@_json
def doctor(as_json: bool) -> None:
    """Look at everything that serving needs, and say what to do where something is wrong; exits 1 then."""
    from dataclasses import asdict

    from citizen_services.doctor import examine
    from citizen_services.settings import SettingsError

    try:
        app = create_app(process="command")
    except SettingsError as fault:
        _failed(str(fault))
    with app.app_context():
        findings = examine(app.extensions["citizen_services"])
    ok = all(finding.ok for finding in findings)
    _told(
        as_json,
        {"ok": ok, "findings": [asdict(finding) for finding in findings]},
        lambda d: "\n".join(
            f"{'ok  ' if f['ok'] else 'BAD '} {f['check']:<26} {f['found']}" + ("" if f["ok"] else f"  → {f['todo']}")
            for f in d["findings"]
        ),
    )
    sys.exit(0 if ok else 1)


@cli.group()
def calendar() -> None:
    """The State Council's calendars."""


@calendar.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_json
def calendar_load(file: Path, as_json: bool) -> None:
    """Load one year's holidays and make-up working days from a JSON FILE; lists the windows that it contradicts."""
    from citizen_services.cases.years import load_year
    from citizen_services.database import commit
    from citizen_services.rules.errors import RuleError
    from citizen_services.windows.publishing import contradicted, tell_closed

    app = create_app(process="command")
    with app.app_context():
        try:
            document = load_year(file.read_text(encoding="utf-8"))
        except RuleError as fault:
            _failed(fault.sentence)
        document["contradicted"] = contradicted(document["year"])
        tell_closed(None, document["contradicted"])
        commit()
    _told(
        as_json,
        document,
        lambda d: (
            f"已载入 {d['year']} 年日历：放假 {d['days_off']} 天，"
            f"调休上班 {d['workdays']} 天；重算办件期限 {d['recomputed']} 件；"
            f"与开窗计划冲突 {len(d['contradicted'])} 段"
            + "".join(
                f"\n  {w['office']} {w['day']} {w['starts']}–{w['ends']} {w['group']}（{w['why']}）"
                for w in d["contradicted"]
            )
        ),
    )


@cli.group("wechat")
def wechat_group() -> None:
    """The official account."""


def _names(menu: dict[str, Any]) -> str:
    return "、".join(button["name"] for button in menu["button"])


@wechat_group.command("menu")
@_json
def wechat_menu(as_json: bool) -> None:
    """Push the menus to the official account: everybody's, and that of followers who are bound."""
    from citizen_services.wechat.menu import push_menu

    app = create_app(process="command")
    with app.app_context():
        document = push_menu()
    _told(
        as_json, document, lambda d: f"菜单已发布：{_names(d)}；{d['conditional']['tag']}：{_names(d['conditional'])}"
    )


@wechat_group.command("qr")
@click.argument("what")
@click.option("--days", type=click.IntRange(1, 30), help="Make a temporary code; for good where not given.")
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Write the picture, a PNG for printing.")
@_json
def wechat_qr(what: str, days: int | None, save: Path | None, as_json: bool) -> None:
    """Make a QR code: WHAT is item:CODE, office:CODE, case:NUMBER, a key such as help, or page:/h5/… (a plain link)."""
    from citizen_services.exchange.outcomes import OutsideError
    from citizen_services.rules import qr
    from citizen_services.wechat.conversation import CLICKS
    from citizen_services.wechat.scenes import UnknownScene, code_for

    app = create_app(process="command")
    with app.app_context():
        try:
            code = code_for(what, frozenset(CLICKS), days)
        except (UnknownScene, OutsideError) as fault:
            _failed(str(fault))
    if save is not None:
        save.write_bytes(qr.png(code.url, "print"))
    document = code.described() | {"file": str(save) if save is not None else None}
    lasts = "长期有效" if code.lasts_s is None else f"{code.lasts_s // 86_400} 天内有效"
    _told(as_json, document, lambda d: f"{d['file'] or qr.drawn(code.url)}\n{code.url}\n{lasts}")


@cli.group()
def keys() -> None:
    """The keys that encrypt personal data (DATA_KEYS)."""


@keys.command("rotate")
@click.option("--batch", type=click.IntRange(1, 10_000), default=500, help="Rows looked at in one transaction.")
@_json
def keys_rotate(batch: int, as_json: bool) -> None:
    """Encrypt whatever lies under an older key anew, while all goes on; exits 1 where something is left."""
    from dataclasses import asdict

    from citizen_services.rotation import StoreAway, rotate

    def tell(name: str, done: int) -> None:
        if done:
            click.echo(f"{name}: {done}", err=True)

    app = create_app(process="command")
    with app.app_context():
        try:
            found = rotate(tell, batch)
        except StoreAway as fault:
            _failed(f"the store of photos is away ({fault}); begin again once it answers")
    _told(
        as_json,
        asdict(found) | {"complete": found.complete},
        lambda d: (
            f"{d['rows']} rows and {d['files']} files are encrypted anew. "
            + (
                "No older key is needed any more."
                if d["complete"]
                else f"Left: {d['left']}; not to be opened: {d['broken']}."
            )
        ),
    )
    sys.exit(0 if found.complete else 1)


@keys.command("status")
@_json
def keys_status(as_json: bool) -> None:
    """Count what lies under an older key; exits 1 where something does."""
    from citizen_services.rotation import remaining

    app = create_app(process="command")
    with app.app_context():
        left = remaining()
    _told(
        as_json,
        {"left": left},
        lambda d: "\n".join(f"{name}: {n}" for name, n in d["left"].items()) or "No older key is needed any more.",
    )
    sys.exit(1 if left else 0)


@cli.group()
def audit() -> None:
    """The chain of events."""


@audit.command("verify")
@_json
def audit_verify(as_json: bool) -> None:
    """Verify every case's chain, the seals over them, and each case's state; exits 1 where anything is broken."""
    from citizen_services.cases.audit import verify
    from citizen_services.people import administration_record

    app = create_app(process="command")
    with app.app_context():
        document = verify(app.extensions["citizen_services"].catalogue)
        document["broken"] += administration_record.verify()
        document["ok"] = not document["broken"]
    _told(
        as_json,
        document,
        lambda d: (
            f"{'完好' if d['ok'] else '有损'}：{d['cases']} 件，{d['events']} 条记录，封存至 {d['sealed_until']}"
            + "".join(f"\n  {b['case']} 第{b['seq']}条：{b['why']}" for b in d["broken"])
        ),
    )
    sys.exit(0 if document["ok"] else 1)


if __name__ == "__main__":
    cli()
