"""URIs: what they name, what is refused, and that no key is ever repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.storage.conditional import use_credentials
from cluster.storage.location import Location, parse_location
from search_spaces.errors import BadInput


def test_a_location_is_read_back_from_its_own_words() -> None:
    found = parse_location(
        "s3://lab/sweeps/a?endpoint_override=http://minio:9000&region=eu-1&credentials=/etc/keys"
    )
    assert found == Location("s3", "lab", "sweeps/a", "http://minio:9000", "eu-1", "/etc/keys")
    assert parse_location(str(found)) == found
    assert (found.name, str(found.beside("a-gen2")).partition("?")[0]) == (
        "a", "s3://lab/sweeps/a-gen2",
    )  # fmt: skip
    assert parse_location("gcs://lab/x/").scheme == "gs"
    assert (
        parse_location("s3://lab/x?endpoint_override=minio:9000").endpoint == "https://minio:9000"
    )


def test_an_endpoint_of_the_environment_is_taken_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers and jobs have another environment: what is meant here must stand in the place."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000")
    assert str(parse_location("s3://lab/a")) == "s3://lab/a?endpoint_override=http://minio:9000"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ftp://lab/a", "folders"),
        ("s3://lab", "bucket and a prefix"),
        ("s3:///a", "bucket and a prefix"),
        ("s3://lab/a/../b", "bucket and a prefix"),
        ("s3://lab/a b", "bucket and a prefix"),
        ("s3://lab/a?acces_key=1", "no option 'acces_key'"),
        ("s3://id:canary@lab/a", "keys do not belong"),
        ("s3://lab/a?endpoint_override=http://id:canary@minio", "without keys"),
        ("s3://lab/a?endpoint_override=http://minio:90x", "HOST:PORT"),
        ("s3://lab/a?secret_key=canary", "no option"),
    ],
)
def test_other_uris_are_refused_in_one_line_that_repeats_no_key(text: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_location(text)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value) and "canary" not in str(refused.value)


def test_a_file_of_credentials_must_be_there(tmp_path: Path) -> None:
    location = Location("s3", "lab", "a", credentials=str(tmp_path / "none"))
    with pytest.raises(BadInput, match="no such file on this machine"):
        use_credentials(location)
