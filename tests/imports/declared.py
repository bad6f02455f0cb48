"""Declared attributes, as a service tells of them."""

from engine.wire.rulebook_pb2 import AttributeInfo

DECLARED = [
    AttributeInfo(name="customer.age", type="int"),
    AttributeInfo(name="customer.first_name", type="string"),
    AttributeInfo(name="customer.birth_date", type="timestamp"),
    AttributeInfo(name="telco.plan", type="string", values=["S", "M", "L"]),
    AttributeInfo(name="telco.charges", type="double"),
    AttributeInfo(name="customer.notice", type="duration"),
    AttributeInfo(name="consent.marketing", type="bool"),
    AttributeInfo(name="consent.channels", type="list(string)", values=["web", "ivr"]),
    AttributeInfo(name="usage.by_month", type="map(string,double)"),
    AttributeInfo(name="request.reason", type="string"),
    AttributeInfo(name="now", type="timestamp"),
    AttributeInfo(name="events.calls", type="int", kept_from_events=True),
]
