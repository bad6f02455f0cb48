"""What holds for all tests: property-based ones are not judged by the clock of a shared machine."""

from hypothesis import settings

from tests.brokers import kafka, redis

__all__ = ["kafka", "redis"]

settings.register_profile("attune", deadline=None)
settings.load_profile("attune")
