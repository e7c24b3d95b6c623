"""Property tests do not time themselves: a loaded machine is no bug."""

from hypothesis import settings

settings.register_profile("domain", deadline=None, max_examples=60)
settings.load_profile("domain")
