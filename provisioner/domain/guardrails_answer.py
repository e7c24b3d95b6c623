"""What a rule of the policy answers: an objection, that it could not judge, or that it broke."""

from __future__ import annotations

from provisioner.domain.finding import Finding, Level
from provisioner.domain.guardrails_subject import Subject, Value
from provisioner.domain.policy.guardrail_rules import GuardrailRule


def objection(
    rule: GuardrailRule,
    where: str,
    what: str,
    fix: str,
    *,
    suggested: object | None = None,
    level: Level | None = None,
) -> Finding:
    """Return the finding of a rule that is broken."""
    binding = level or rule.level
    soft = binding is Level.SOFT_MANDATORY and rule.override_group is not None
    return Finding(
        rule=rule.rule,
        level=binding,
        where=where,
        what=what,
        why=rule.why,
        fix=f"{fix} Or ask {rule.override_group} to override." if soft else fix,
        suggested=suggested,
        override_group=rule.override_group if soft else None,
    )


def unjudged(rule: GuardrailRule, where: str, what: str, fix: str) -> Finding:
    """Return that a rule could not be judged: said as advice, or at the rule's level if it wants that."""
    level = rule.level if rule.unknown_breaks else Level.ADVISORY
    return objection(rule, where, f"{what} {rule.rule} could not be judged.", fix, level=level)


def unknown(rule: GuardrailRule, subject: Subject, value: Value) -> Finding:
    """Return that a value is not known before the apply."""
    return unjudged(
        rule,
        subject.address,
        f"Terraform knows {value.path} of {subject.address} only after the apply, or keeps it secret, so",
        "Set it to a value that is known when it is planned.",
    )


def broken(rule: GuardrailRule, where: str, reason: str) -> Finding:
    """Return the finding of a rule that could not be evaluated: it counts as broken, at its level."""
    return objection(
        rule,
        where,
        f"The rule {rule.rule} could not be evaluated: {reason}",
        "Tell those who keep the policy; run it again when the rule is mended.",
    )


def raised(rule: GuardrailRule, where: str) -> Finding:
    """Return the finding of a rule that raised: a defect, so that what binds refuses and nobody overrides it unseen."""
    level = Level.ADVISORY if rule.level is Level.ADVISORY else Level.HARD_MANDATORY
    return objection(
        rule,
        where,
        f"The rule {rule.rule} could not be evaluated: it raised an error, which is in the log.",
        "Tell the platform team; run it again when the rule is mended.",
        level=level,
    )


def label(subject: Subject, value: Value) -> str:
    """Name what is judged: the parameter that people set, or the attribute and its resource."""
    return value.parameter or f"{value.path} of {subject.address}"


def place(subject: Subject, value: Value) -> str:
    """Say where it can be mended: at the parameter, or in the resource."""
    return value.parameter or subject.address


def show(value: object) -> str:
    """Show a value, short and on one line."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
