"""settings.env: secrets are drawn once, addresses follow each start, what a person wrote stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from citizen_services.settings import ALL_PARTNERS, Settings, SettingsError
from deploy import devsettings

ADDRESSES = {
    "DATABASE_URL": "postgresql://postgres:x@127.0.0.1:5/citizen_services",
    "REDIS_URL": "redis://:x@127.0.0.1:6/0",
    "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
}
SANDBOX = "http://127.0.0.1:8001"


def test_secrets_are_drawn_once_and_addresses_follow_the_sandbox(tmp_path: Path) -> None:
    first = devsettings.write(tmp_path, ADDRESSES, SANDBOX, {})
    file = tmp_path / "settings.env"
    assert file.stat().st_mode & 0o777 == 0o600
    second = devsettings.write(
        tmp_path, ADDRESSES | {"REDIS_URL": "redis://:y@127.0.0.1:7/0"}, "http://127.0.0.1:9001", {}
    )
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"REDIS_URL", *(f"{prefix}_BASE_URL" for prefix in ALL_PARTNERS)}
    assert second["EMS_BASE_URL"] == "http://127.0.0.1:9001/ems"
    (tmp_path / "another").mkdir()
    assert devsettings.write(tmp_path / "another", ADDRESSES, SANDBOX, {})["SECRET_KEY"] != first["SECRET_KEY"]


def test_what_is_written_is_what_the_application_accepts(tmp_path: Path) -> None:
    devsettings.write(tmp_path, ADDRESSES, SANDBOX, {})
    settings = Settings.load({"VAR_DIR": str(tmp_path)})
    assert set(settings.partners) == {prefix.lower() for prefix in ALL_PARTNERS}
    assert all(all(partner.credentials.values()) for partner in settings.partners.values())
    assert settings.wechat.mode == "safe"
    with pytest.raises(SettingsError):
        Settings.load({"VAR_DIR": str(tmp_path), "APP_ENV": "production"})


def test_a_partner_named_by_a_person_is_not_the_sandbox(tmp_path: Path) -> None:
    devsettings.write(tmp_path, ADDRESSES, SANDBOX, {})
    file = tmp_path / "settings.env"
    file.write_text("EMS_BASE_URL=https://ems.example/api\n" + file.read_text())
    settings = devsettings.write(tmp_path, ADDRESSES, SANDBOX, {"SMS_ALIYUN_BASE_URL": "https://sms.example"})
    assert settings["EMS_BASE_URL"] == "https://ems.example/api"
    assert settings["SMS_ALIYUN_BASE_URL"] == "https://sms.example"
    assert settings["POPULATION_BASE_URL"] == f"{SANDBOX}/population"
    # The one in the environment holds for that start only.
    again = devsettings.write(tmp_path, ADDRESSES, SANDBOX, {})
    assert again["EMS_BASE_URL"] == "https://ems.example/api"
    assert again["SMS_ALIYUN_BASE_URL"] == f"{SANDBOX}/sms_aliyun"
