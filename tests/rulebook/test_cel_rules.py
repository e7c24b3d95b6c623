"""What is taken for an expression in CEL."""
# ruff: noqa: E501  (tables: a row a line)

import pytest

from provisioner.rulebook.cel_rules import BRACKETS_MAX, EXPRESSION_MAX, problem
from tests.rulebook import rules


class TestAnExpression:
    @pytest.mark.parametrize(
        "expression",
        [
            "true",
            "resource.type == 'aws_lb' && resource.after.internal == true",
            "resources.all(r, r.after.tags.exists(key, key == 'x'))",
            "resources.all(a, true) && resources.all(b, true) && resources.all(c, true)",
            "resources.filter(r, r.type == '.all(((.map(').size() == 0",
            'order.team == """.all( .all( .all("""',
            "true // .all( .all( .all( (((",
            "type(parameters.size) == string && int(parameters.n) > 1",
            "at == 'plan' && counts.create <= 3 && facts.team_workspaces != null && cost.usd_month < 3.0",
            "parameters.map == 1 && parameters.all == 2",
            "(" * (BRACKETS_MAX) + "true" + ")" * (BRACKETS_MAX),
            "true ||" + " " * (EXPRESSION_MAX - 12) + "false",
        ],
    )
    def test_is_taken(self, expression: str) -> None:
        assert problem(expression) is None

    @pytest.mark.parametrize(
        ("expression", "reason"),
        [
            ("1 +", "It is no CEL expression: <input>:1:4: Syntax error"),
            ("resource.", "It is no CEL expression: "),
            ("resourc.type == 'x'", "It names resourc, which is not there. There are: at, cost, counts,"),
            ("resources.all(r, s == 1)", "It names s, which is not there."),
            ("resources.all(a, resources.all(b, resources.all(c, true)))", "The expression has 3 loops within each other; at most 2"),
            ("resources.map(a, resources .filter(b, resources. exists_one (c, true)))", "The expression has 3 loops"),
            ("[resources.map(a, {'x': resources.filter(b, resources.exists(c, true))})]", "The expression has 3 loops"),
            ("(" * 41 + "true" + ")" * 41, "The expression nests 41 brackets; at most 40"),
            ("(" * 3000 + "true" + ")" * 3000, "The expression has 6004 characters; at most 4000"),
            ("true" + " " * (EXPRESSION_MAX - 3), "The expression has 4001 characters; at most 4000"),
        ],
    )  # fmt: skip
    def test_is_refused(self, expression: str, reason: str) -> None:
        assert (problem(expression) or "").startswith(reason)

    def test_that_is_refused_has_a_place_and_a_line(self) -> None:
        assert rules.problem("cel", expression="1 +").startswith(
            "line 7: guardrails.rules[0].with.expression: It is no CEL expression: <input>:1:4: Syntax error: "
        )
