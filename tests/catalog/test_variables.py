"""variables.tf becomes typed parameters."""

import pytest

from catalog.constraints import Constraint, recognise, violation
from catalog.hcl import HclSyntaxError, parse_expression
from catalog.parameter_types import TypeSyntaxError, check_value, parse_type, type_from_json, type_to_json
from catalog.spec import MISSING, ParameterSpec
from catalog.variables import read_variables


def one(body: str):
    read = read_variables(f'variable "x" {{\n{body}\n}}\n')
    assert read.problems == ()
    return read.spec["x"]


class TestParseType:
    @pytest.mark.parametrize(
        "text",
        [
            "string",
            "number",
            "bool",
            "any",
            "list(string)",
            "set(number)",
            "map(list(bool))",
            "tuple([string, number])",
            "object({a = string, b = optional(number)})",
            "list(object({a = optional(map(string)), b = tuple([])}))",
        ],
    )
    def test_reads_and_writes_every_kind(self, text):
        parsed = parse_type(text)
        assert str(parsed) == text
        assert type_from_json(type_to_json(parsed)) == parsed

    @pytest.mark.parametrize(
        ("text", "means"), [("list", "list(any)"), ('"string"', "string"), ("map", "map(any)")]
    )
    def test_reads_old_spellings(self, text, means):
        assert str(parse_type(text)) == means

    def test_keeps_an_optional_attribute_with_default(self):
        assert str(parse_type("object({a = optional(number, 3)})")) == "object({a = optional(number)})"

    @pytest.mark.parametrize(
        "text", ["strin", "list(", "list(string, number)", "foo(string)", "", "object(string)", "1"]
    )
    def test_refuses_what_is_no_type(self, text):
        with pytest.raises(TypeSyntaxError):
            parse_type(text)


class TestParseExpression:
    @pytest.mark.parametrize(
        "text", ["(" * 500, "!" * 500 + "x", "-" * 500 + "1", "[" * 500, "a" * 20_000, '"${x}"', "a[0]"]
    )
    def test_refuses_what_it_cannot_read_without_exhausting_the_stack(self, text):
        with pytest.raises(HclSyntaxError):
            parse_expression(text)


class TestRecognise:
    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ('contains(["a", "b"], var.x)', [("one_of", ("a", "b"))]),
            ("contains([1, 7.5], var.x)", [("one_of", (1, 7.5))]),
            ('var.x == "a" || var.x == "b" || "c" == var.x', [("one_of", ("a", "b", "c"))]),
            ('var.x == "a"', [("one_of", ("a",))]),
            (r'can(regex("^\\d+\\.\"q\"$", var.x))', [("pattern", r'^\d+\."q"$')]),
            ('!can(regex("--", var.x))', [("not_pattern", "--")]),
            ("var.x >= 20 && var.x <= 65536", [("minimum", 20), ("maximum", 65536)]),
            ("20 <= var.x && 65536 > var.x", [("minimum", 20), ("below", 65536)]),
            ("var.x > -5", [("above", -5)]),
            ("(var.x < 1.5)", [("below", 1.5)]),
            ("length(var.x) >= 3 && length(var.x) < 10", [("min_length", 3), ("max_length", 9)]),
            ("length(var.x) > 0", [("min_length", 1)]),
            ("floor(var.x) == var.x", [("whole", 1)]),
            ("var.x == floor(var.x)", [("whole", 1)]),
            ("var.x % 1 == 0", [("whole", 1)]),
            ("var.x == null || var.x > 1", [("above", 1)]),
            ("var.x == null ? true : length(var.x) <= 5", [("max_length", 5)]),
            ("try(length(var.x) <= 5, false)", [("max_length", 5)]),
            ('can(regex("^a", var.x)) && length(var.x) <= 40', [("pattern", "^a"), ("max_length", 40)]),
        ],
    )
    def test_reads_the_idioms(self, condition, expected):
        assert [(c.kind, c.value) for c in recognise(condition, "x")] == expected

    def test_reads_rules_on_the_elements(self):
        (found,) = recognise('alltrue([for e in var.x : can(regex("^sg-", e)) && length(e) < 30])', "x", "m")
        assert found.kind == "each"
        assert [(c.kind, c.value) for c in found.value] == [("pattern", "^sg-"), ("max_length", 29)]

    @pytest.mark.parametrize(
        "condition",
        [
            "var.y > 1",
            "var.x > var.y",
            "can(cidrhost(var.x, 0))",
            'contains(["a"], var.y)',
            'can(regex("[[:alpha:]]", var.x))',
            r'can(regex("\\pL", var.x))',
            'can(regex("(?i)a", var.x))',
            'can(regex("(", var.x))',
            "var.x > 1 || var.x < 0",
            'alltrue([for k, v in var.x : v == "a"])',
            'anytrue([for e in var.x : e == "a"])',
            "var.x != null",
            "",
            "true",
        ],
    )
    def test_leaves_the_rest_to_terraform(self, condition):
        assert recognise(condition, "x") is None


class TestViolation:
    @pytest.mark.parametrize(
        ("constraint", "good", "bad", "code"),
        [
            (Constraint("one_of", ("a", "b")), "a", "c", "not_allowed"),
            (Constraint("one_of", (1, 2)), 1.0, True, "not_allowed"),
            (Constraint("minimum", 20), 20, 19.9, "out_of_range"),
            (Constraint("maximum", 20), 20, 21, "out_of_range"),
            (Constraint("above", 0), 0.1, 0, "out_of_range"),
            (Constraint("below", 0), -1, 0, "out_of_range"),
            (Constraint("min_length", 2), "ab", "a", "too_short"),
            (Constraint("max_length", 2), ["a"], ["a", "b", "c"], "too_long"),
            (Constraint("pattern", "^a+$"), "aa", "aa\n", "pattern"),
            (Constraint("pattern", r"^\d$"), "1", "٣", "pattern"),
            (Constraint("pattern", r"[$]"), "a$b", "ab", "pattern"),
            (Constraint("not_pattern", "--"), "a-b", "a--b", "pattern"),
            (Constraint("whole", 1), 3, 3.5, "wrong_type"),
            (Constraint("each", (Constraint("pattern", "^a$"),)), ["a", "a"], ["a", "b"], "pattern"),
        ],
    )
    def test_tells_good_from_bad(self, constraint, good, bad, code):
        assert violation(constraint, good) is None
        assert violation(constraint, bad)[0] == code
        assert Constraint.from_json(constraint.to_json()) == constraint

    def test_gives_the_modules_own_words(self):
        assert violation(Constraint("pattern", "^a$", "Only a."), "b") == ("pattern", "Only a.")
        assert (
            violation(Constraint("minimum", 2, "Two or more."), 1)[1]
            == "is 1, must be at least 2. Two or more."
        )


class TestCheckValue:
    @pytest.mark.parametrize(
        ("type_text", "given", "normal"),
        [
            ("number", 1.0, 1),
            ("number", 0.5, 0.5),
            (
                "string",
                "${x} %{y} \"q\" 'z' \N{PILE OF POO} \u202e",
                "${x} %{y} \"q\" 'z' \N{PILE OF POO} \u202e",
            ),
            ("set(number)", [1, 1.0, 2], [1, 2]),
            ("any", {"a": [1.0, None, True]}, {"a": [1, None, True]}),
            ("object({a = string, b = optional(number)})", {"a": "x", "b": None}, {"a": "x", "b": None}),
            ("tuple([string, bool])", ["a", True], ["a", True]),
        ],
    )
    def test_brings_values_into_their_normal_form(self, type_text, given, normal):
        value, problems = check_value(parse_type(type_text), given)
        assert problems == []
        assert value == normal
        assert repr(value) == repr(normal)

    @pytest.mark.parametrize(
        ("type_text", "given", "code", "path"),
        [
            ("string", 1, "wrong_type", ""),
            ("string", None, "wrong_type", ""),
            ("string", "a\0b", "control_characters", ""),
            ("string", "a\nb", "control_characters", ""),
            ("string", "a\x9bb", "control_characters", ""),
            ("string", "x" * 4097, "too_long", ""),
            ("string", "\ud800", "unpaired_surrogate", ""),
            ("number", True, "wrong_type", ""),
            ("number", "1", "wrong_type", ""),
            ("number", float("inf"), "wrong_type", ""),
            ("number", float("nan"), "wrong_type", ""),
            ("number", 10**400, "out_of_range", ""),
            ("number", 2**53, "out_of_range", ""),
            ("bool", 1, "wrong_type", ""),
            ("bool", "true", "wrong_type", ""),
            ("list(string)", "a", "wrong_type", ""),
            ("list(string)", ["a", 1], "wrong_type", "[1]"),
            ("list(string)", {"a": 1}, "wrong_type", ""),
            ("map(number)", {"a": "x"}, "wrong_type", ".a"),
            ("map(number)", {"a\0": 1}, "control_characters", ""),
            ("map(number)", {1: 1}, "wrong_type", ""),
            ("object({a = string})", {}, "required", ".a"),
            ("object({a = string})", {"a": "x", "b": 1}, "unknown_parameter", ".b"),
            ("tuple([string])", ["a", "b"], "wrong_type", ""),
            ("any", object(), "wrong_type", ""),
            ("any", ["a\0"], "control_characters", "[0]"),
            ("any", list(range(6000)), "too_long", ""),
        ],
    )
    def test_names_what_is_wrong_and_where(self, type_text, given, code, path):
        _, problems = check_value(parse_type(type_text), given)
        assert [(p.code, p.path) for p in problems] == [(code, path)]

    def test_refuses_bottomless_nesting(self):
        deep: object = []
        for _ in range(100_000):
            deep = [deep]
        assert [p.code for p in check_value(parse_type("any"), deep)[1]] == ["too_deep"]

    def test_takes_line_breaks_where_the_parameter_has_several_lines(self):
        assert check_value(parse_type("string"), "a\nb\tc", multiline=True)[1] == []
        assert check_value(parse_type("string"), "a\rb", multiline=True)[1][0].code == "control_characters"


class TestReadVariables:
    def test_reads_type_default_description_and_constraints(self):
        found = one(
            'type = number\ndefault = 5\ndescription = "Say \\"hi\\""\n'
            'validation {\ncondition = var.x > 1\nerror_message = "m"\n}'
        )
        assert str(found.type) == "number"
        assert found.default == 5
        assert found.description == 'Say "hi"'
        assert found.constraints == (Constraint("above", 1, "m"),)

    @pytest.mark.parametrize(
        ("body", "nullable", "default"),
        [
            ("type = string", False, MISSING),
            ("type = string\ndefault = null", True, None),
            ("type = string\nnullable = true", True, MISSING),
            ("type = string\ndefault = null\nnullable = false", False, None),
            ("", False, MISSING),
        ],
    )
    def test_knows_where_null_is_meant(self, body, nullable, default):
        found = one(body)
        assert found.nullable is nullable
        assert found.default is default

    @pytest.mark.parametrize(
        ("body", "default"),
        [
            ('type = string\ndefault = "$${a} %%{b}"', "${a} %{b}"),
            ('type = number\ndefault = "5"', 5),
            ("type = string\ndefault = 5", "5"),
            ("type = string\ndefault = true", "true"),
            ('type = bool\ndefault = "true"', True),
            ("type = number\ndefault = -1.50", -1.5),
            ("type = number\ndefault = 1e3", 1000),
            ("type = string\ndefault = <<-EOT\n  a\n    b\nEOT\n", "a\n  b"),
            ('type = map(number)\ndefault = { "a.b" = 1, c = 2 }', {"a.b": 1, "c": 2}),
            ('type = list(object({ a = string }))\ndefault = [{ a = "x" }]', [{"a": "x"}]),
        ],
    )
    def test_reads_defaults_as_values(self, body, default):
        assert one(body).default == default

    def test_keeps_an_unknown_condition_as_text(self):
        found = one(
            'type = string\nvalidation {\ncondition = can(cidrhost(var.x, 0))\nerror_message = "A CIDR."\n}'
        )
        assert [(c.text, c.message) for c in found.conditions] == [("can(cidrhost(var.x, 0))", "A CIDR.")]

    def test_keeps_a_known_idiom_on_the_wrong_type_as_text(self):
        found = one(
            'type = number\nvalidation {\ncondition = can(regex("^1", var.x))\nerror_message = "m"\n}'
        )
        assert found.constraints == ()
        assert len(found.conditions) == 1

    @pytest.mark.parametrize("flag", ["sensitive = true", "ephemeral = true"])
    def test_marks_secrets(self, flag):
        assert one(f"type = string\n{flag}").sensitive

    @pytest.mark.parametrize(
        ("text", "line", "reason"),
        [
            ('variable "x" {\n  type = = 1\n}', 2, "no valid Terraform"),
            ('\n\nvariable "x" {\n  type = strin\n}', 3, "variable x"),
            ('variable "x" {\n  default = foo(1)\n}', 1, "constant"),
            ('variable "x" {\n  type = number\n  default = "a"\n}', 1, "the default must be a number"),
            (
                'variable "x" {\n  type = object({a = object({b = string})})\n  default = {a = {b = 1, c = 1}}\n}',
                1,
                ".a",
            ),
            ('variable "x" {}\nvariable "x" {}', 1, "twice"),
            ("x = " + "[" * 3000, 1, "no valid Terraform"),
            ("#" * 300_000, 0, "larger"),
        ],
    )
    def test_names_file_line_and_reason(self, text, line, reason):
        problem = read_variables(text, "m/variables.tf").problems[0]
        assert problem.file == "m/variables.tf"
        assert problem.line == line
        assert reason in problem.reason

    def test_reads_the_good_ones_beside_the_broken(self):
        read = read_variables(
            'variable "a" {\n type = strin\n}\nvariable "b" {\n type = string\n}\nvariable "c" {\n type = foo(1)\n}'
        )
        assert read.spec.names == ("b",)
        assert [p.line for p in read.problems] == [1, 7]

    def test_survives_its_journey_through_json(self, bucket):
        spec = ParameterSpec.from_json(bucket.parameter_spec)
        assert spec.to_json() == bucket.parameter_spec
        assert spec["owner_contact"].required
        assert spec["comment"].nullable
