"""URLs of a Redis."""

from pathlib import Path

import pytest

from engine.edges.redis.address import RedisAddress
from engine.edges.tls import Tls
from tests.edges.grpc.certificates import self_signed


def test_a_url_says_where_who_and_how_encrypted(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    url = f"rediss://ada:a%40b@cache:6380/2?ca={cert}&cert={cert}&key={key}"
    assert RedisAddress.parse(url) == RedisAddress(
        "cache", 6380, 2, "ada", "a@b", Tls(cert, cert, key)
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("cache:6379", "no URL of a Redis"),
        ("redis://", "no URL of a Redis"),
        ("redis://cache/first", "no URL of a Redis"),
        ("redis://cache?ca=x", "'ca' is nothing this URL can say"),
        ("rediss://cache?kye=x", "Did you mean 'key'?"),
        ("rediss://cache?key=x", "name it by cert="),
        ("rediss://cache?ca=/nowhere", "/nowhere: .*No such file"),
    ],
)
def test_what_is_wrong_is_said(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RedisAddress.parse(url)
