"""The store on any S3 service, for installations of several machines. What lies there was encrypted here.

By ``minio``'s client (Signature Version 4): one object a name, every wait bounded, nothing repeated by the library.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from citizen_services.materials.errors import StoreAway, StoreDamaged
from citizen_services.settings import ObjectStore

_CONNECT_S, _READ_S = 3.0, 15.0
_MISSING = frozenset({"NoSuchKey", "NoSuchObject"})


class S3Store:
    """A bucket of ours: ``3f/0199…3f.photo`` and nothing else. Safe for threads."""

    def __init__(self, place: ObjectStore) -> None:
        address = urlsplit(place.endpoint_url)
        self._bucket = place.bucket
        self._client = Minio(
            address.netloc,
            access_key=place.access_key,
            secret_key=place.secret_key,
            secure=address.scheme == "https",
            # Named: else the library asks where the bucket lies before each first call.
            region=place.region,
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S), retries=False, maxsize=20
            ),
        )

    def write(self, name: str, content: bytes) -> None:
        """As Store; StoreAway where the service does not take it."""
        try:
            self._client.stat_object(self._bucket, name)
        except S3Error as fault:
            if fault.code not in _MISSING:
                raise _away(fault) from None
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as fault:
            raise _away(fault) from None
        else:
            raise FileExistsError(f"{name} is in the store already")
        self.replace(name, content)

    def replace(self, name: str, content: bytes) -> None:
        """As Store; StoreAway where the service does not take it."""
        try:
            self._client.put_object(
                self._bucket, name, io.BytesIO(content), len(content), content_type="application/octet-stream"
            )
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as fault:
            raise _away(fault) from None

    def read(self, name: str) -> bytes:
        """As Store; StoreAway where the service does not answer."""
        try:
            answer = self._client.get_object(self._bucket, name)
            try:
                return bytes(answer.read())
            finally:
                answer.close()
                answer.release_conn()
        except S3Error as fault:
            if fault.code in _MISSING:
                raise StoreDamaged(f"{name} is not in the store") from None
            raise _away(fault) from None
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as fault:
            raise _away(fault) from None

    def remove(self, name: str) -> None:
        """As Store."""
        try:
            self._client.remove_object(self._bucket, name)
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as fault:
            raise _away(fault) from None

    def names(self) -> Iterator[tuple[str, datetime]]:
        """As Store: everything in the bucket, by the service's clock."""
        try:
            for found in self._client.list_objects(self._bucket, recursive=True):
                if found.object_name and found.last_modified:
                    yield found.object_name, found.last_modified
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as fault:
            raise _away(fault) from None


def _away(fault: BaseException) -> StoreAway:
    """What happened, without the address: names of objects stand in it."""
    return StoreAway(str(fault.code) if isinstance(fault, S3Error) else type(fault).__name__)


@lru_cache(maxsize=4)
def s3_store(place: ObjectStore) -> S3Store:
    """The store of a place: one client a process, since it keeps connections."""
    return S3Store(place)
