"""Photos on an S3 service: encrypted before they leave, read back whole, swept as on the disk, missed with words."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from citizen_services.cases.models import Draft
from citizen_services.database import commit, db, new_id
from citizen_services.materials import operations, queries, store, sweep
from citizen_services.materials.errors import StoreAway, StoreDamaged
from citizen_services.materials.models import Upload
from citizen_services.parts import EXTENSION
from citizen_services.people.models import Citizen
from citizen_services.settings import ObjectStore, Settings, SettingsError
from deploy.embedded import free_port
from tests import factories
from tests.guards.test_settings import good
from tests.materials import pictures as make
from tests.materials.s3 import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, Bucket, s3_service


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """An empty bucket."""
    with s3_service() as made:
        yield made


@pytest.fixture
def place(app: Flask, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the application keep photos there; ``changed`` says what of it is otherwise."""

    def keep(**changed: str) -> None:
        had = app.extensions[EXTENSION]
        there = ObjectStore(bucket.url, BUCKET, REGION, ACCESS_KEY, SECRET_KEY)
        settings = dataclasses.replace(had.settings, object_store=dataclasses.replace(there, **changed))
        monkeypatch.setitem(app.extensions, EXTENSION, dataclasses.replace(had, settings=settings))

    keep()
    return keep


def taken(person: Citizen) -> Upload:
    upload = operations.take(person.id, new_id(), "lease", make.jpeg(exif=make.exif(6)))
    commit()
    return upload


def test_a_photo_lies_there_encrypted_and_comes_back_whole(place: Callable[..., None], bucket: Bucket) -> None:
    person = factories.citizen()
    upload = taken(person)
    assert sorted(bucket.objects) == [f"{upload.storage_key}.photo", f"{upload.storage_key}.thumbnail"]
    for content, _ in bucket.objects.values():
        assert b"JFIF" not in content
        assert not content.startswith(b"\xff\xd8")
    assert queries.photo(upload).startswith(b"\xff\xd8\xff")
    assert queries.thumbnail(upload).startswith(b"\xff\xd8\xff")
    with pytest.raises(FileExistsError):
        store.put(upload.id, "photo", b"another")
    name = f"{upload.storage_key}.photo"
    bucket.objects[name] = bucket.objects[f"{upload.storage_key}.thumbnail"]
    with pytest.raises(StoreDamaged):
        queries.photo(upload)
    del bucket.objects[name]
    with pytest.raises(StoreDamaged):
        queries.photo(upload)


def test_what_has_no_row_is_removed_after_a_day_and_what_is_not_ours_stays(
    place: Callable[..., None], bucket: Bucket
) -> None:
    kept, orphan = taken(factories.citizen()), new_id()
    store.put(orphan, "photo", b"left by a crash")
    bucket.objects["backup/somebody-elses.tar"] = (b"x", bucket.objects[f"{kept.storage_key}.photo"][1])
    assert sweep.remove_files() == 0, "what is young may still get its row"
    for name, (content, at) in list(bucket.objects.items()):
        bucket.objects[name] = (content, at - timedelta(days=2))
    assert sweep.remove_files() == 1
    assert f"{store.key_of(orphan)}.photo" not in bucket.objects
    assert len(bucket.objects) == 3
    assert sweep.count(select(Draft.id)).files == 0


@pytest.mark.parametrize("what", ["another key", "another account", "another bucket", "nobody there"])
def test_where_the_service_takes_nothing_the_photo_was_not_received(
    place: Callable[..., None], bucket: Bucket, what: str
) -> None:
    changed = {
        "another key": {"secret_key": "guessed"},
        "another account": {"access_key": "OTHER"},
        "another bucket": {"bucket": "others"},
        "nobody there": {"endpoint_url": f"http://127.0.0.1:{free_port()}"},
    }[what]
    place(**changed)
    begun = time.monotonic()
    with pytest.raises(StoreAway) as refused:
        operations.take(factories.citizen().id, new_id(), "lease", make.jpeg())
    assert time.monotonic() - begun < 15
    assert "还没有收下" in refused.value.sentence
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Upload)) == 0
    assert not bucket.objects
    assert (bucket.asked == []) == (what == "nobody there")


def test_settings_of_a_store_are_checked_and_its_keys_not_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    given = good(tmp_path_factory.mktemp("settings")) | {
        "MATERIALS_STORE": "s3",
        "S3_ENDPOINT_URL": "https://s3.example.org",
        "S3_BUCKET": BUCKET,
        "S3_ACCESS_KEY": ACCESS_KEY,
        "S3_SECRET_KEY": SECRET_KEY,
    }
    settings = Settings.load(given)
    assert settings.object_store is not None
    assert settings.object_store.region == "us-east-1"
    assert SECRET_KEY not in repr(settings)
    for planted, words in (
        ({"MATERIALS_STORE": "tape"}, "must be disk or s3"),
        ({"S3_ENDPOINT_URL": "http://s3.example.org"}, "must be https"),
        ({"S3_ENDPOINT_URL": "https://s3.example.org/bucket"}, "without a path"),
        ({"S3_ENDPOINT_URL": ""}, "S3_ENDPOINT_URL must be"),
        ({"S3_BUCKET": ""}, "S3_BUCKET is missing"),
        ({"S3_SECRET_KEY": ""}, "S3_SECRET_KEY is missing"),
    ):
        with pytest.raises(SettingsError) as caught:
            Settings.load(given | planted)
        assert [cause for cause in caught.value.causes if words in cause] == caught.value.causes
