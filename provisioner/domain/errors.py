"""The two kinds of expected failure: a refusal (an answer) and an engine error (Terraform could not)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from provisioner.domain.finding import Finding


@dataclass(frozen=True)
class FieldError:
    """One field of the input that cannot be taken as it is."""

    field: str
    code: str  # stable, snake_case
    message: str


class Refusal(Exception):
    """An expected "no". Subclasses live beside the function that raises them and set the class attributes.

    `detail` says what happened, why, and what to do. HTML and API render the same refusal.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Refused"

    def __init__(
        self,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        findings: tuple[Finding, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.findings = findings


class EngineError(Exception):
    """Terraform did not do what was asked.

    `summary` is one line, `detail` Terraform's own diagnostics as text. `permanent` is the retry decision:
    True when the same run would fail the same way again.
    """

    def __init__(self, summary: str, detail: str = "", *, permanent: bool = True) -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail
        self.permanent = permanent
