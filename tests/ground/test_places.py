"""What a start reads from the environment, and how it refuses."""

from __future__ import annotations

import socket
from pathlib import Path

import psycopg
import pytest

from deploy.places import Places, Refused, refuse_old_postgres, refuse_old_version


def test_defaults_are_those_that_operators_hold_on_to() -> None:
    places = Places.of({})
    assert (places.web_url, places.sandbox_url) == ("http://127.0.0.1:8000", "http://127.0.0.1:8001")
    assert places.var_dir == Path(__file__).parents[2] / "var"


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"PORT": "http"}, "PORT"),
        ({"SANDBOX_PORT": "70000"}, "SANDBOX_PORT"),
        ({"PORT": "8001"}, "must differ"),
        ({"WORKERS": "0"}, "WORKERS"),
        ({"WEB_THREADS": "many"}, "WEB_THREADS"),
        ({"WEB_PROCESSES": "-1"}, "WEB_PROCESSES"),
        ({"APP_ENV": "production"}, "Procfile"),
    ],
)
def test_a_choice_that_can_not_be_is_refused_by_name(environ: dict[str, str], named: str) -> None:
    with pytest.raises(Refused, match=named):
        Places.of(environ)


def test_advice_repeats_the_folder_that_was_chosen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        places = Places.of({"PORT": str(port), "SANDBOX_PORT": "1", "VAR_DIR": "var 二"})
        with pytest.raises(Refused, match=r"(?s)VAR_DIR='var 二' PORT=\d+ SANDBOX_PORT=\d+ make run$"):
            places.refuse_taken_ports()


def test_an_older_postgresql_is_refused_with_its_version() -> None:
    refuse_old_version(180000)
    with pytest.raises(Refused, match=r"PostgreSQL 17\.4; 18 or newer"):
        refuse_old_version(170004)


def test_a_database_url_is_tried_before_anything_starts(servers: dict[str, str]) -> None:
    refuse_old_postgres(servers["postgres"])
    refuse_old_postgres(servers["postgres"].replace("postgresql://", "postgresql+psycopg://"))
    password = psycopg.conninfo.conninfo_to_dict(servers["postgres"])["password"]
    with pytest.raises(Refused, match="does not lead") as refused:
        refuse_old_postgres(servers["postgres"].replace("citizen_services", "no_such_database"))
    assert str(password) not in str(refused.value)
