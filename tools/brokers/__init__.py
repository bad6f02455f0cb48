"""Brokers: a real Apache Kafka and a real Redis on loopback, for tests and for trying the cluster out.

`python -m tools.brokers --help`; `make brokers` and `make brokers-stop` are the same.
"""
