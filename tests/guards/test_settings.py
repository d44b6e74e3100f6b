"""Production refuses to start on anything that belongs to a trial, names each cause, and says no secret doing so."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from citizen_services.settings import PARTNERS, SMS_GATEWAYS, TRAFFIC_PARTNERS, Settings, SettingsError
from deploy.embedded import free_port
from tests.guards.schema import new_database
from tests.house import ROOT, environ


def good(tmp_path: Path, database_url: str = "postgresql://db.bureau/live") -> dict[str, str]:
    """A whole production environment, nothing of which is used anywhere else."""
    given = environ(tmp_path, database_url, f"redis://127.0.0.1:{free_port()}/0", 8000, 8001)
    given |= {"APP_ENV": "production", "PUBLIC_BASE_URL": "https://services.example.org", "CLOCK_OFFSET_S": "0"}
    for prefix in (*PARTNERS, *SMS_GATEWAYS, *TRAFFIC_PARTNERS, "WECHAT_PAY"):
        given[f"{prefix}_BASE_URL"] = f"https://{prefix.lower().replace('_', '-')}.example.org"
    given["EMS_SIGN_KEY"] = secrets.token_urlsafe(16)
    return given


Plant = Callable[[dict[str, str]], dict[str, str]]


def _set(**values: str) -> Plant:
    return lambda given: given | values


def _without(name: str) -> Plant:
    return lambda given: {key: value for key, value in given.items() if key != name}


_SECRETS = ("SECRET_KEY", "DATA_KEYS", "LOOKUP_KEYS", "AUDIT_KEY", "METRICS_TOKEN")
PLANTED: dict[str, tuple[Plant, str]] = {
    **{f"no {name}": (_without(name), f"{name} is missing") for name in (*_SECRETS, "WECHAT_APP_SECRET")},
    **{f"an empty {name}": (_set(**{name: ""}), f"{name} is missing") for name in _SECRETS},
    **{f"a short {name}": (_set(**{name: "k9dT_f2Lw8"}), f"{name} is shorter than 32 characters") for name in _SECRETS},
    **{
        f"a default {name}": (_set(**{name: f"Dev-{i}-change-me-before-production"}), f"{name} is a default")
        for i, name in enumerate(_SECRETS)
    },
    **{
        f"{name} of one word again and again": (_set(**{name: "k9dT_f2Lw8" * 4}), f"{name} is too simple")
        for name in _SECRETS
    },
    **{f"a simple {name}": (_set(**{name: "a" * 40}), f"{name} is too simple") for name in _SECRETS},
    **{
        f"{name} used twice": (lambda given, name=name: given | {name: given["SECRET_KEY"]}, "repeats the value of")
        for name in _SECRETS[1:]
    },
    "one short key among several": (
        lambda given: given | {"DATA_KEYS": given["DATA_KEYS"] + ",k9dT_f2Lw8"},
        "DATA_KEYS is shorter",
    ),
    "a payment key of another length": (
        _set(WECHAT_PAY_API_V3_KEY="k9dT_f2Lw8" * 3),
        "WECHAT_PAY_API_V3_KEY must be 32 characters",
    ),
    "no payment keys": (_without("WECHAT_PAY_PRIVATE_KEY"), "WECHAT_PAY_PRIVATE_KEY is missing"),
    "no WECHAT_TOKEN": (_without("WECHAT_TOKEN"), "WECHAT_TOKEN"),
    "no WECHAT_ENCODING_AES_KEY": (_without("WECHAT_ENCODING_AES_KEY"), "WECHAT_ENCODING_AES_KEY"),
    **{
        f"{prefix} without its {key}": (_without(f"{prefix}_{key}"), f"{prefix}_{key} is missing")
        for prefix, keys in {**PARTNERS, **SMS_GATEWAYS}.items()
        for key in keys
    },
    **{f"{prefix} nowhere": (_without(f"{prefix}_BASE_URL"), f"{prefix}_BASE_URL is missing") for prefix in PARTNERS},
    **{
        f"{prefix} on this machine": (
            _set(**{f"{prefix}_BASE_URL": f"https://127.0.0.1:8001/{prefix.lower()}"}),
            f"{prefix}_BASE_URL must be the partner's https address",
        )
        for prefix in (*PARTNERS, *SMS_GATEWAYS)
    },
    "no SMS gateway at all": (
        lambda given: _without("SMS_ALIYUN_BASE_URL")(_without("SMS_TENCENT_BASE_URL")(given)),
        "no SMS gateway",
    ),
    "a partner at localhost": (_set(EMS_BASE_URL="https://localhost/ems"), "EMS_BASE_URL must be"),
    "a partner at ::1": (_set(EMS_BASE_URL="https://[::1]/ems"), "EMS_BASE_URL must be"),
    "a partner at 127.1": (_set(EMS_BASE_URL="https://127.1/ems"), "EMS_BASE_URL must be"),
    "a partner over plain http": (_set(EMS_BASE_URL="http://ems.example.org"), "EMS_BASE_URL must be"),
    "no public address": (_without("PUBLIC_BASE_URL"), "PUBLIC_BASE_URL"),
    "a plain http public address": (_set(PUBLIC_BASE_URL="http://services.example.org"), "PUBLIC_BASE_URL must be"),
    "a public address on this machine": (_set(PUBLIC_BASE_URL="https://127.0.0.1"), "PUBLIC_BASE_URL must be"),
    "a clock offset": (_set(CLOCK_OFFSET_S="60"), "CLOCK_OFFSET_S moves business time"),
    "a clock set back": (_set(CLOCK_OFFSET_S="-60"), "CLOCK_OFFSET_S moves business time"),
    "no number for the clock": (_set(CLOCK_OFFSET_S="soon"), "CLOCK_OFFSET_S must be a whole number"),
    "debug": (_set(FLASK_DEBUG="1"), "FLASK_DEBUG is on"),
    "plain pushes": (_set(WECHAT_MODE="plain"), "WECHAT_MODE=plain"),
    "an unknown mode": (_set(WECHAT_MODE="open"), "WECHAT_MODE is 'open'"),
    "no database": (_without("DATABASE_URL"), "DATABASE_URL is missing"),
    "no Redis": (_without("REDIS_URL"), "REDIS_URL is missing"),
    "an unknown environment": (_set(APP_ENV="prod"), "APP_ENV is 'prod'"),
}


def test_a_good_environment_is_taken(tmp_path: Path) -> None:
    assert Settings.load(good(tmp_path)).production


@pytest.mark.parametrize("other", SMS_GATEWAYS)
def test_one_sms_gateway_is_enough_whichever_it_is(tmp_path: Path, other: str) -> None:
    only = {name: value for name, value in good(tmp_path).items() if not name.startswith(f"{other}_")}
    settings = Settings.load(only)
    assert settings.sms_gateways == tuple(name.lower() for name in SMS_GATEWAYS if name != other)


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_stops_production_and_is_named(tmp_path: Path, fault: str) -> None:
    plant, words = PLANTED[fault]
    given = plant(good(tmp_path))
    with pytest.raises(SettingsError) as caught:
        Settings.load(given)
    assert any(words in cause for cause in caught.value.causes), caught.value.causes
    assert len(caught.value.causes) <= 2, "one fault is told once, not as a list of others"
    secret = [
        v for k, v in given.items() if k in _SECRETS or k.endswith(("_SECRET", "_KEY", "_TOKEN", "_AUTHORIZATION"))
    ]
    assert not [value for value in secret if value and value in str(caught.value)]


def test_every_cause_is_told_at_once(tmp_path: Path) -> None:
    given = good(tmp_path) | {"CLOCK_OFFSET_S": "5", "WECHAT_MODE": "plain", "FLASK_DEBUG": "1", "SECRET_KEY": "short1"}
    with pytest.raises(SettingsError) as caught:
        Settings.load(given)
    assert len(caught.value.causes) == 4


def test_the_file_of_a_trial_installation_counts_for_nothing_in_production(tmp_path: Path) -> None:
    given = good(tmp_path)
    (tmp_path / "settings.env").write_text(f"AUDIT_KEY={given.pop('AUDIT_KEY')}\n")
    with pytest.raises(SettingsError, match="AUDIT_KEY is missing"):
        Settings.load(given)


def _start(given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Start what the web server runs, as production would, and let it end at once."""
    program = [sys.executable, "-W", "error", "-c", "import app; app.web(); print('serving')"]
    return subprocess.run(program, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False)


def test_production_starts_with_a_good_environment_and_never_on_demo_data(
    tmp_path: Path, servers: dict[str, str]
) -> None:
    with new_database(servers["postgres"], "template_house") as url:
        given = good(tmp_path, url)
        started = _start(given)
        assert started.stdout == "serving\n", started.stderr
        refused = _start(given | {"CLOCK_OFFSET_S": "60"})
        assert refused.returncode == 1
        assert "CLOCK_OFFSET_S moves business time" in refused.stderr
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO installation (name, value) VALUES ('demo_data', 'true')")
        refused = _start(given)
        assert refused.returncode == 1
        assert "this database once held demo data" in refused.stderr


@pytest.mark.parametrize("command", [("seed",), ("demo", "--citizens", "1"), ("clock", "--shift", "5"), ("sandbox",)])
def test_a_command_for_trials_is_refused_in_production(
    tmp_path: Path, servers: dict[str, str], command: tuple[str, ...]
) -> None:
    with new_database(servers["postgres"], "template_house") as url:
        program = [sys.executable, str(ROOT / "app.py"), *command]
        done = subprocess.run(
            program, cwd=ROOT, env=good(tmp_path, url), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1, done.stdout
        assert "production" in done.stderr
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM installation").fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM staff").fetchone() == (0,)
