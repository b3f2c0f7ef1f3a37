"""Writes that happen only if nobody else wrote: what makes a bucket's log have one owner.

pyarrow offers none (26.0), so this file alone talks to the providers by other ways: S3 by boto3
(`If-None-Match`, `If-Match`), Google's JSON interface by `google.auth` (`ifGenerationMatch`). One
request each. What they read and delete exactly goes this way, too: pyarrow looks before it reads,
and leaves markers of folders behind what it deletes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import quote

from cluster.storage.location import Location
from cluster.storage.patience import Denied, Lost
from search_spaces.errors import BadInput

_CONNECT_SECONDS, _READ_SECONDS = 5, 30
_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
_MOST_KEYS = 1000
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


class Conditional(Protocol):
    """Single objects of a bucket; keys are whole. Every method raises `Lost` or `Denied`."""

    def create(self, key: str, data: bytes) -> str:
        """Makes an object that is not there; its version, "" where there is one already."""

    def replace(self, key: str, data: bytes, version: str) -> str:
        """Writes over a version; the new one, "" where it is another by now, or gone."""

    def read(self, key: str) -> tuple[bytes, str] | None:
        """Contents and version; None where there is no such object."""

    def delete(self, keys: Sequence[str]) -> None:
        """Removes objects; those that are not there are none."""


def conditional(location: Location) -> Conditional:
    """Of the bucket of a location."""
    return S3Conditional(location) if location.scheme == "s3" else GcsConditional(location)


class S3Conditional:
    """S3, and what speaks it."""

    def __init__(self, location: Location) -> None:
        """Asks boto3's chain for credentials; no request is made.

        Raises:
            BadInput: boto3 is not installed, or it finds no credentials.
        """
        try:
            import boto3
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise BadInput(f"{location}: needs boto3; pip install 'ratefront[storage]'") from None
        self._where = str(location)
        self._bucket = location.bucket
        self._errors = (ClientError, BotoCoreError)
        try:
            session = boto3.Session(region_name=location.region or None)
            known = session.get_credentials()
            config = Config(
                connect_timeout=_CONNECT_SECONDS,
                max_pool_connections=32,
                read_timeout=_READ_SECONDS,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"} if location.endpoint else {},
                # Services that are not Amazon's own know no newer checksums.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            )
            self._client: Any = session.client(
                "s3",
                endpoint_url=location.endpoint or None,
                region_name=session.region_name or "us-east-1",
                config=config,
            )
        except BotoCoreError as error:
            raise BadInput(f"{self._where}: {_one_line(error)}") from None
        if known is None:
            raise BadInput(
                f"{self._where}: no credentials; name their file by AWS_SHARED_CREDENTIALS_FILE or "
                "'?credentials=PATH', or set up the AWS command line"
            )

    def create(self, key: str, data: bytes) -> str:
        """One PUT with `If-None-Match: *`."""
        return self._put(key, data, IfNoneMatch="*")

    def replace(self, key: str, data: bytes, version: str) -> str:
        """One PUT with `If-Match`."""
        return self._put(key, data, IfMatch=version)

    def _put(self, key: str, data: bytes, **condition: str) -> str:
        try:
            said = self._client.put_object(Bucket=self._bucket, Key=key, Body=data, **condition)
        except self._errors as error:
            status, code = self._status(error)
            if status == 412 or (status == 404 and code != "NoSuchBucket"):
                return ""
            raise self._as_ours(error) from None
        return str(said["ETag"])

    def read(self, key: str) -> tuple[bytes, str] | None:
        """One GET."""
        try:
            said = self._client.get_object(Bucket=self._bucket, Key=key)
            return said["Body"].read(), str(said["ETag"])
        except self._errors as error:
            if self._status(error) == (404, "NoSuchKey"):
                return None
            raise self._as_ours(error) from None
        except OSError as error:  # cut while it was read
            raise Lost(_one_line(error)) from None

    def delete(self, keys: Sequence[str]) -> None:
        """One POST for a thousand."""
        for start in range(0, len(keys), _MOST_KEYS):
            objects = [{"Key": key} for key in keys[start : start + _MOST_KEYS]]
            try:
                said = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
                )
            except self._errors as error:
                raise self._as_ours(error) from None
            if failed := said.get("Errors"):
                raise Denied(f"{self._where}: cannot delete ({failed[0].get('Code')})")

    def _status(self, error: Exception) -> tuple[int, str]:
        response: Any = getattr(error, "response", None) or {}
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return int(status), str(response.get("Error", {}).get("Code", ""))

    def _as_ours(self, error: Exception) -> Exception:
        status, code = self._status(error)
        if status in _AGAIN or code in ("RequestTimeout", "SlowDown"):
            return Lost(code or f"HTTP {status}")
        if status:
            # The code alone: what a service says in full may hold more than is to be printed.
            return Denied(f"{self._where}: the service says {code or status}; mend that")
        if "Credentials" in type(error).__name__ or "Token" in type(error).__name__:
            return Denied(f"{self._where}: {_one_line(error)}")
        return Lost(_one_line(error))


class GcsConditional:
    """Google Cloud Storage by its JSON interface."""

    def __init__(self, location: Location) -> None:
        """Asks Google's chain for credentials; none for an emulator.

        Raises:
            BadInput: there are none.
        """
        self._where = str(location)
        self._base = location.endpoint or "https://storage.googleapis.com"
        self._bucket = quote(location.bucket, safe="")
        self._session = _google_session(location)

    def create(self, key: str, data: bytes) -> str:
        """One POST that asks for generation 0."""
        return self._put(key, data, "0")

    def replace(self, key: str, data: bytes, version: str) -> str:
        """One POST that asks for a generation."""
        return self._put(key, data, version)

    def _put(self, key: str, data: bytes, generation: str) -> str:
        boundary = "ratefront"
        body = (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
            f"{json.dumps({'name': key})}\r\n"
            f"--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
        ).encode() + data
        answer = self._ask(
            "POST",
            f"/upload/storage/v1/b/{self._bucket}/o",
            params={"uploadType": "multipart", "ifGenerationMatch": generation},
            data=body + f"\r\n--{boundary}--\r\n".encode(),
            headers={"Content-Type": f"multipart/related; boundary={boundary}"},
        )
        return "" if answer.status_code == 412 else str(answer.json()["generation"])

    def read(self, key: str) -> tuple[bytes, str] | None:
        """One GET."""
        answer = self._ask("GET", self._place(key), params={"alt": "media"})
        if answer.status_code == 404:
            return None
        return answer.content, str(answer.headers.get("x-goog-generation", ""))

    def delete(self, keys: Sequence[str]) -> None:
        """One DELETE each."""
        for key in keys:
            self._ask("DELETE", self._place(key))

    def _place(self, key: str) -> str:
        return f"/storage/v1/b/{self._bucket}/o/{quote(key, safe='')}"

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        import requests

        try:
            answer = self._session.request(
                method, self._base + path, timeout=(_CONNECT_SECONDS, _READ_SECONDS), **options
            )
        except requests.RequestException as error:
            raise Lost(type(error).__name__) from None
        except Exception as error:  # of google.auth, when it renews a token
            if type(error).__module__.startswith("google.auth"):
                raise Lost(type(error).__name__) from None
            raise
        if answer.status_code in _AGAIN:
            raise Lost(f"HTTP {answer.status_code}")
        if answer.status_code >= 400 and answer.status_code not in (404, 412):
            raise Denied(f"{self._where}: the service says {answer.status_code}; mend that")
        if answer.status_code == 404 and method == "POST":
            raise Denied(f"{self._where}: no such bucket")
        return answer


def _google_session(location: Location) -> Any:
    if location.endpoint:
        import requests

        return requests.Session()
    try:
        import google.auth
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import AuthorizedSession
    except ImportError:
        raise BadInput(f"{location}: needs google-auth; pip install 'ratefront[storage]'") from None
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except GoogleAuthError:
        raise BadInput(
            f"{location}: no credentials; name their file by GOOGLE_APPLICATION_CREDENTIALS or "
            "'?credentials=PATH', or run 'gcloud auth application-default login'"
        ) from None
    made: Any = AuthorizedSession
    return made(credentials)


def use_credentials(location: Location) -> None:
    """Names a location's file of credentials to the provider's libraries in this process.

    Raises:
        BadInput: there is no such file on this machine.
    """
    if not location.credentials:
        return
    place = os.path.expanduser(location.credentials)
    if not os.path.isfile(place):
        raise BadInput(
            f"credentials {location.credentials}: there is no such file on this machine; every "
            "machine of a cluster needs it at the same path"
        )
    name = {"s3": "AWS_SHARED_CREDENTIALS_FILE", "gs": "GOOGLE_APPLICATION_CREDENTIALS"}
    os.environ[name[location.scheme]] = place


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
