"""Own rules, in CEL or Rego: what they are asked, and what their answers mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from provisioner.domain.finding import Finding, Level
from provisioner.domain.guardrails_answer import broken, objection, unjudged
from provisioner.domain.policy.guardrail_rules import GuardrailRule
from provisioner.domain.policy.guardrail_settings import Cel, Rego

# Objections of one rule that are shown; what is beyond is counted.
OBJECTIONS_MAX = 50


@dataclass(frozen=True)
class Objection:
    """One thing that an own rule objects to. Empty texts: the rule's own. `advisory`: Rego's warn."""

    what: str = ""
    where: str = ""
    advisory: bool = False


@dataclass(frozen=True)
class Failed:
    """An evaluation that gave no answer. `missing` is the key that was looked up in vain."""

    reason: str
    missing: str = ""


Answer = tuple[Objection, ...] | Failed


class Evaluator(Protocol):
    """Asks an own rule about each item, which stands beside what is in `base`; one answer for each, in order."""

    def __call__(
        self, rule: GuardrailRule, base: Mapping[str, object], items: Sequence[Mapping[str, object]]
    ) -> Sequence[Answer]: ...


def no_evaluator(
    rule: GuardrailRule, base: Mapping[str, object], items: Sequence[Mapping[str, object]]
) -> Sequence[Answer]:
    """Answer that nothing here evaluates expressions."""
    return [Failed("nothing here evaluates own rules.")] * len(items)


@dataclass(frozen=True)
class Question:
    """One thing that a rule is asked about: where it is, the item itself, and what of it is not known yet."""

    where: str
    item: Mapping[str, object]
    unknown: Mapping[str, object] | bool = False


def ask(
    rule: GuardrailRule, base: Mapping[str, object], questions: Sequence[Question], evaluate: Evaluator
) -> Iterator[Finding]:
    """Ask an own rule. An evaluation that fails counts as broken, once for each reason."""
    if not questions:
        return
    answers = evaluate(rule, base, [question.item for question in questions])
    if len(answers) != len(questions):
        yield broken(rule, questions[0].where, "it gave no answer to some of what it was asked.")
        return
    failed: dict[str, list[str]] = {}
    found: list[Finding] = []
    for question, answer in zip(questions, answers, strict=True):
        if not isinstance(answer, Failed):
            found.extend(_finding(rule, question, one) for one in answer)
        elif answer.missing and _is_unknown(question.unknown, answer.missing):
            found.append(
                unjudged(
                    rule,
                    question.where,
                    f"Terraform knows {answer.missing} of {question.where} only after the apply, so",
                    "Set it to a value that is known when it is planned, or let the rule ask has(...) first.",
                )
            )
        else:
            failed.setdefault(answer.reason, []).append(question.where)
    for reason, places in failed.items():
        more = f" The same at {len(places) - 1} more." if len(places) > 1 else ""
        yield broken(rule, places[0], reason + more)
    # What binds comes first, so that nothing that stops is cut off behind advice.
    found.sort(key=lambda finding: finding.level is Level.ADVISORY)
    yield from found[:OBJECTIONS_MAX]
    if len(found) > OBJECTIONS_MAX:
        rest = found[OBJECTIONS_MAX:]
        yield objection(
            rule,
            rest[0].where,
            f"{rule.rule} objects to {len(rest)} more.",
            "Mend those that are shown; the others show then.",
            level=rest[0].level,
        )


def _finding(rule: GuardrailRule, question: Question, said: Objection) -> Finding:
    settings = rule.settings
    assert isinstance(settings, Cel | Rego)
    where = said.where or question.where
    suggested = None
    if isinstance(settings, Cel) and settings.parameter:
        where, suggested = settings.parameter, settings.suggested
    advice = f"Set it to {suggested}." if suggested is not None else "Change what it names."
    return objection(
        rule,
        where,
        said.what or rule.message or f"{where} does not keep the rule {rule.rule}.",
        rule.fix or advice,
        suggested=suggested,
        level=Level.ADVISORY if said.advisory else None,
    )


def _is_unknown(unknown: Mapping[str, object] | bool, key: str) -> bool:
    """Tell whether anything under a key is known only later."""
    if isinstance(unknown, bool):
        return unknown
    return key in unknown and bool(unknown[key])
