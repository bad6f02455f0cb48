"""URLs of a Kafka: what they may say, and what a client makes of it."""

import ssl
from pathlib import Path

import pytest

from engine.edges.kafka.address import KafkaAddress, client
from tests.edges.grpc.certificates import self_signed


def test_a_plain_url_says_where_and_nothing_else() -> None:
    told = client(KafkaAddress.parse("kafka://a:9092,[::1]:9093/"))
    assert told == {"bootstrap_servers": "a:9092,[::1]:9093", "security_protocol": "PLAINTEXT"}


def test_a_user_and_a_password_are_sent_by_the_mechanism_named() -> None:
    told = client(KafkaAddress.parse("kafka://ada:a%40b%3Ac@a:9092?mechanism=SCRAM-SHA-512"))
    assert told == {
        "bootstrap_servers": "a:9092",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ada",
        "sasl_plain_password": "a@b:c",
    }


def test_tls_checks_the_server_and_shows_a_certificate_where_there_is_one(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    url = f"kafka+ssl://ada:secret@a:9093?ca={cert}&cert={cert}&key={key}"
    told = client(KafkaAddress.parse(url))
    assert told["security_protocol"] == "SASL_SSL"
    assert told["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert told["ssl_context"].check_hostname
    assert client(KafkaAddress.parse("kafka+ssl://a:9093"))["security_protocol"] == "SSL"


def test_nothing_that_is_printed_has_the_password() -> None:
    address = KafkaAddress.parse("kafka://ada:secret@a:9092")
    assert "secret" not in f"{address} {address!r}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("a:9092", "no URL of Kafka"),
        ("kafka://", "no URL of Kafka"),
        ("kafka://a", "no URL of Kafka"),
        ("kafka://a:b", "no URL of Kafka"),
        ("kafka://a:70000", "no URL of Kafka"),
        ("kafka://a:1,,b:2", "no URL of Kafka"),
        ("kafkas://a:1", "no URL of Kafka"),
        ("kafka://ada@a:1", "a user takes a password"),
        ("kafka://:secret@a:1", "a user takes a password"),
        ("kafka://a:1?mechanism=PLAIN", "there is none"),
        ("kafka://u:p@a:1?mechanism=SCRAM-SHA-521", "Did you mean 'SCRAM-SHA-512'?"),
        ("kafka+ssl://a:1?cert_file=x", "'cert_file' is nothing this URL can say"),
        ("kafka+ssl://a:1?crt=x", "Did you mean 'cert'?"),
        ("kafka://a:1?ca=x", "'ca' is nothing this URL can say"),
        ("kafka+ssl://a:1?key=x", "name it by cert="),
        ("kafka+ssl://a:1?ca=/nowhere/ca.pem", "/nowhere/ca.pem: .*No such file"),
    ],
)
def test_what_is_wrong_is_said(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        KafkaAddress.parse(url)
