"""A place in a bucket, as a person names it: `s3://bucket/prefix`, `gs://bucket/prefix`.

Options stand behind a question mark, as in pyarrow's own URIs: `endpoint_override` (another service
that speaks S3), `region`, `credentials` (path of a file). Keys never stand there: a URI is printed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from search_spaces.errors import BadInput

SCHEMES = {"s3": "s3", "gs": "gs", "gcs": "gs"}
_OPTIONS = ("endpoint_override", "region", "credentials")
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "gs": ("STORAGE_EMULATOR_HOST",),
}
"""Environment variables that the providers' own tools read."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()+=@-]+(/[A-Za-z0-9!_.*'()+=@-]+)*")


@dataclass(frozen=True)
class Location:
    """A prefix of a bucket.

    Attributes:
        scheme: s3 or gs.
        bucket: its name.
        prefix: of all keys, without slashes at its ends.
        endpoint: URL of the service; the provider's own where empty.
        region: of the bucket; what the provider's tools are set to where empty.
        credentials: path of a file on every machine; the provider's chain where empty.
    """

    scheme: str
    bucket: str
    prefix: str
    endpoint: str = ""
    region: str = ""
    credentials: str = ""

    def __str__(self) -> str:
        options = zip(_OPTIONS, (self.endpoint, self.region, self.credentials), strict=True)
        query = urlencode([(name, said) for name, said in options if said], safe=":/")
        return f"{self.scheme}://{self.bucket}/{self.prefix}" + (f"?{query}" if query else "")

    @property
    def name(self) -> str:
        """The last word of the prefix."""
        return self.prefix.rpartition("/")[2]

    def beside(self, name: str) -> Location:
        """Another prefix at the same level."""
        return replace(self, prefix="".join(self.prefix.rpartition("/")[:2]) + name)


def is_uri(text: str) -> bool:
    """Whether a person means no folder."""
    return "://" in text


def parse_location(text: str) -> Location:
    """The place that a URI names; an endpoint that the environment names is taken in.

    Raises:
        BadInput: no such scheme, no bucket or prefix, an option that there is not, or keys in it.
    """
    parts = urlsplit(text)
    bare = f"{parts.scheme}://…"
    if parts.scheme not in SCHEMES:
        raise BadInput(f"{bare}: there are s3://BUCKET/PREFIX and gs://BUCKET/PREFIX, and folders")
    if parts.username or parts.password or "@" in parts.netloc:
        raise BadInput(
            f"{bare}: keys do not belong into a URI; take them out, and name their file by "
            "'?credentials=PATH' or use the provider's own settings"
        )
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if odd := [name for name in given if name not in _OPTIONS]:
        raise BadInput(f"{bare}: no option {odd[0]!r}; there are {', '.join(_OPTIONS)}")
    prefix = parts.path.strip("/")
    words = prefix.split("/")
    if not _BUCKET.fullmatch(parts.netloc) or not _PREFIX.fullmatch(prefix) or ".." in words:
        raise BadInput(
            f"{parts.scheme}://{parts.netloc}{parts.path}: name a bucket and a prefix in it, as in "
            f"{parts.scheme}://lab/sweeps/first"
        )
    scheme = SCHEMES[parts.scheme]
    endpoint = given.get("endpoint_override") or next(
        (os.environ[name] for name in _ENDPOINTS[scheme] if os.environ.get(name)), ""
    )
    return Location(
        scheme,
        parts.netloc,
        prefix,
        _checked(endpoint),
        given.get("region", ""),
        given.get("credentials", ""),
    )


def _checked(endpoint: str) -> str:
    """An endpoint with its scheme: https where it says none."""
    if not endpoint:
        return ""
    whole = endpoint if "://" in endpoint else f"https://{endpoint}"
    parts = urlsplit(whole)
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    named = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    if not (named and port):
        raise BadInput("endpoint_override: must be http(s)://HOST:PORT, without keys in it")
    return f"{parts.scheme}://{parts.netloc}"
