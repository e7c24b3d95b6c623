"""Property tests do not time themselves: a loaded machine is no bug."""

from hypothesis import HealthCheck, settings

# `make mutants` runs each test several times in one process, which is no executor of another kind.
settings.register_profile(
    "domain", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.differing_executors]
)
settings.load_profile("domain")
