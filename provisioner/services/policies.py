"""Change the policy: read it anew from its Git repository, check a text, and put a version into force by hand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured

from catalog.git import Checkout, GitLimits, checked_out
from catalog.models import Environment
from catalog.sources import GitSource, UnfitSource, git_source
from provisioner import policy, policy_store
from provisioner.domain.errors import FieldError, Refusal
from provisioner.domain.policy.section import PolicyError, Problem
from provisioner.models import PolicyStanding, PolicyVersion
from provisioner.policy_store import EDITED, GIT, InForce
from provisioner.rulebook import file as policy_file
from provisioner.rulebook import names, unit_test_file, unit_tests
from provisioner.rulebook.diff import RuleChange, diff
from provisioner.rulebook.file import Loaded
from provisioner.rulebook.unit_tests import Result

TEXT_MAX = policy_file.MAX_BYTES

Fetch = Callable[[GitSource, GitLimits], AbstractContextManager[Checkout]]


class InvalidPolicy(Refusal):
    """The text is no policy that could come into force."""

    code = "invalid_policy"
    status = 400
    title = "The policy cannot be used as it is"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        many = f"It has {len(problems)} problems" if len(problems) > 1 else "It has a problem"
        super().__init__(
            f"{many}; each says where it is and what to do. The policy in force stays.",
            errors=tuple(FieldError("text", "policy_problem", str(problem)) for problem in problems[:50]),
        )
        self.problems = problems


class UnknownVersion(Refusal):
    """There is no version with such a digest."""

    code = "not_found"
    status = 404
    title = "Not found"


@dataclass(frozen=True)
class Checked:
    """A text with all that is wrong with it; without problems it is `loaded`. `warnings` stop nothing."""

    text: str
    loaded: Loaded | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()

    @property
    def digest(self) -> str:
        """The digest by which it would be known; empty for what is no text."""
        return self.loaded.policy.digest if self.loaded is not None else ""


@dataclass(frozen=True)
class Preview:
    """What a text would change: against the policy in force, and to the unit tests."""

    checked: Checked
    changes: tuple[RuleChange, ...] = ()
    tests: tuple[Result, ...] = ()
    tests_problem: str = ""

    @property
    def failed(self) -> int:
        """How many tests fail."""
        return sum(bool(result.failures) for result in self.tests)


def check(text: str) -> Checked:
    """Look at a text as an edit would be looked at that is to come into force: its groups must exist.

    An environment that does not exist is a warning: it may be made later.
    """
    try:
        loaded = policy_file.load(text.encode("utf-8", "surrogatepass"))
    except PolicyError as error:
        return Checked(text, None, error.problems)
    problems = names.unknown_groups(loaded, frozenset(Group.objects.values_list("name", flat=True)))
    warnings = names.unknown_environments(
        loaded, frozenset(Environment.objects.values_list("slug", flat=True))
    )
    return Checked(text, None if problems else loaded, problems, warnings)


def refuse_bad(text: str) -> Loaded:
    """Return the policy that a text holds. Raises InvalidPolicy."""
    checked = check(text)
    if checked.loaded is None:
        raise InvalidPolicy(checked.problems)
    return checked.loaded


def in_force() -> tuple[PolicyStanding, Loaded]:
    """Return what is in force, after an edit of the file was taken up."""
    policy.current()
    standing = PolicyStanding.objects.select_related("version__author", "activated_by").get()
    return standing, policy_store.loaded(standing.version.digest)


def version_named(digest: str) -> PolicyVersion:
    """Return the version whose digest begins so. Raises UnknownVersion."""
    found = list(
        PolicyVersion.objects.select_related("author").filter(digest__startswith=digest.lower())[:2]
        if 6 <= len(digest) <= 64 and digest.isascii() and digest.isalnum()
        else []
    )
    if len(found) != 1:
        raise UnknownVersion(
            "There is no version of the policy with this digest. Take one of /policy/, at least its first six digits."
        )
    return found[0]


def changes(old: Loaded, new: Loaded) -> tuple[RuleChange, ...]:
    """Return what differs between two policies, in words."""
    return diff(old, new)


def preview(text: str, *, against: Loaded | None = None) -> Preview:
    """Say all that is wrong with a text, what it changes (`against` None: the policy in force), and its tests."""
    checked = check(text)
    if checked.loaded is None:
        return Preview(checked)
    old = in_force()[1] if against is None else against
    try:
        return Preview(checked, changes(old, checked.loaded), test_results(checked.loaded))
    except PolicyError as error:
        return Preview(checked, changes(old, checked.loaded), (), str(error))


def read_kept(version: PolicyVersion) -> Loaded | None:
    """Return a version as a policy, or None when this portal cannot read it any more."""
    try:
        return policy_store.loaded(version.digest)
    except ImproperlyConfigured:
        return None


def read_text(text: str) -> Loaded | None:
    """Return a text as a policy, or None when this portal cannot read it."""
    try:
        return policy_file.load(text.encode("utf-8", "surrogatepass"))
    except PolicyError:
        return None


def test_results(loaded: Loaded) -> tuple[Result, ...]:
    """Run the unit tests of DRAWBRIDGE_POLICY_TESTS on a policy; none where there are none. Raises PolicyError."""
    name = settings.DRAWBRIDGE_POLICY_TESTS
    if not name or not Path(name).exists():
        return ()
    cases = unit_test_file.read_path(Path(name))
    return tuple(
        unit_tests.run(cases, loaded.policy, book=policy.price_book("us-east-1"), taggable=policy.taggable)
    )


def activate(
    version: PolicyVersion, *, instead_of: int | None, reason: str, now: datetime, actor: User | None = None
) -> None:
    """Put a version into force without review: what an operator does at the machine, with a reason.

    Raises InvalidPolicy when this portal cannot use it, and PolicyMoved.
    """
    refuse_bad(version.text)
    policy_store.activate(version, instead_of=instead_of, reason=reason, now=now, actor=actor)


@dataclass(frozen=True)
class Refreshed:
    """What became of a look at the source: `digest` is in force now; `problems` say why an edit is not."""

    digest: str
    changed: bool
    problems: tuple[Problem, ...] = ()


def refresh(*, now: datetime, fetch: Fetch = checked_out, switch: bool = False) -> Refreshed:
    """Look at where the policy comes from, and take up what is new there.

    What cannot be reached or used is noted, and the last good policy stays in force. A process that is set to another
    source than the last one changes nothing, unless somebody says to `switch`.
    """
    before = policy_store.in_force()
    source = settings.DRAWBRIDGE_POLICY_SOURCE
    if switch and before is not None and before.comes_from != source:
        PolicyStanding.objects.update(comes_from=source, seen_digest="", refused={})
        policy.look_anew()
    policy.current()
    standing = policy_store.in_force()
    assert standing is not None, "current() puts the first one into force"
    if standing.comes_from != source:
        return Refreshed(standing.digest, False, (_switched(standing.comes_from, source),))
    if source == GIT:
        problems = _from_git(standing, now, fetch)
        after = policy_store.in_force()
        assert after is not None
        return Refreshed(after.digest, after.digest != standing.digest, problems)
    PolicyStanding.objects.update(looked_at=now)
    if source == EDITED:
        policy_store.note_mended(standing)  # what a file or a repository brought before no longer matters
        return Refreshed(standing.digest, False)
    problems = tuple(Problem(**problem) for problem in standing.refused.get("problems", ()))  # type: ignore[attr-defined]
    return Refreshed(standing.digest, before is None or before.digest != standing.digest, problems)


def _switched(last: str, source: str) -> Problem:
    return Problem(
        "",
        0,
        f"The policy in force comes from the source {last}, but this process is set to {source}.",
        f"Set DRAWBRIDGE_POLICY_SOURCE={last}, or switch to {source}: manage.py policy refresh.",
    )


def source_problem() -> Problem | None:
    """Return what is wrong when this process is set to another source than the policy in force comes from."""
    standing, source = policy_store.in_force(), settings.DRAWBRIDGE_POLICY_SOURCE
    return (
        None if standing is None or standing.comes_from == source else _switched(standing.comes_from, source)
    )


def _from_git(standing: InForce, now: datetime, fetch: Fetch) -> tuple[Problem, ...]:
    url, ref = settings.DRAWBRIDGE_POLICY_GIT_URL, settings.DRAWBRIDGE_POLICY_GIT_REF
    path = PurePosixPath(settings.DRAWBRIDGE_POLICY_GIT_PATH)
    one_file = path.suffix in policy_file.ENDINGS
    folder = path.parent if one_file else path
    origin: dict[str, object] = {"ref": ref, "path": str(path)}
    try:
        source = git_source(url, ref, "" if str(folder) == "." else str(folder), "policy")
        origin["url"] = source.url
        limits = GitLimits(
            timeout_s=settings.DRAWBRIDGE_GIT_TIMEOUT_S,
            max_bytes=settings.DRAWBRIDGE_GIT_MAX_MIB * 1024 * 1024,
            allow_file=settings.DRAWBRIDGE_GIT_ALLOW_FILE,
        )
        with fetch(source, limits) as checkout:
            origin |= {"commit": checkout.origin.git_commit, "author": checkout.author}
            loaded = policy.read_policy(checkout.path / path.name if one_file else checkout.path)
    except UnfitSource as error:
        problem = Problem(
            "",
            0,
            f"{str(error).rstrip('.')}.",
            "The last good policy stays in force until it can be read again.",
        )
        policy_store.note_refused(origin, (problem,), standing=standing, now=now)
        return (problem,)
    except PolicyError as error:
        policy_store.note_refused(origin, error.problems, standing=standing, now=now)
        return error.problems
    digest = loaded.policy.digest
    PolicyStanding.objects.update(looked_at=now)
    seen = PolicyStanding.objects.values_list("seen_digest", flat=True).get()
    if digest == standing.digest or digest == seen:
        # The same as before: what an operator put into force since then stays, until the repository changes.
        PolicyStanding.objects.update(seen_digest=digest)
        policy_store.note_mended(standing)
        return ()
    problems = policy_store.group_problems(loaded, standing)
    if problems:
        policy_store.note_refused(origin, problems, standing=standing, now=now)
        return problems
    version = policy_store.keep(loaded.text, source=GIT, origin=origin, now=now)
    try:
        policy_store.activate(
            version,
            instead_of=standing.version_id,
            reason=f"commit {str(origin['commit'])[:12]} of {ref}",
            now=now,
            seen_digest=digest,
        )
    except policy_store.PolicyMoved:
        return ()  # another worker took it up
    return ()
