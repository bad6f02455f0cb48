"""What holds for all tests: property-based ones are not judged by the clock of a shared machine."""

from hypothesis import settings

settings.register_profile("attune", deadline=None)
settings.load_profile("attune")
