"""A module that would run code on a worker, or fetch what nobody saw, is refused with its place and a way out."""

from __future__ import annotations

import re

import pytest

from catalog.hcl_blocks import StructureError, read_blocks
from catalog.models import CatalogItemVersion
from catalog.safety import Rules, check_module
from catalog.sync import sync_catalog

from .conftest import NOW

VERSIONS = """\
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws" # the public registry's
      version = ">= 6.0, < 7.0"
    }
  }
}
"""


def problems(files, **rules):
    """Return `file:line: reason` of each problem of a module that is otherwise fine."""
    whole = {"versions.tf": VERSIONS, **files}
    found = check_module({name: text.encode() for name, text in whole.items()}, "m", Rules(**rules))
    return [str(problem) for problem in found]


def of(text, **rules):
    return problems({"main.tf": text}, **rules)


PROVISIONER = """\
resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = "id"
  }
}
"""


class TestCode:
    @pytest.mark.parametrize("kind", ["local-exec", "remote-exec", "file", "chef"])
    def test_of_every_provisioner_is_refused(self, kind):
        (problem,) = of(PROVISIONER.replace("local-exec", kind))
        assert problem.startswith(f"m/main.tf:2: a provisioner ({kind}) runs commands")
        assert "Use a resource of a provider instead" in problem

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ('resource "terraform_data" "x" { provisioner "local-exec" { command = "id" } }', 1),
            ('resource "terraform_data" "x" {\n  provisioner local-exec {\n  }\n}', 2),
            ('resource "terraform_data" "x" {\n  dynamic "provisioner" {\n    content {\n    }\n  }\n}', 2),
            ('resource "terraform_data" "x" {\n  a {\n    b {\n      provisioner "x" {\n      }\n    }\n  }\n}', 4),
            ('removed {\n  from = a.b\n  provisioner "local-exec" {\n    when = destroy\n  }\n}', 3),
            # The marker on a line with an interpolation's end does not end the heredoc, and the second one does.
            (
                'resource "terraform_data" "x" {\n  input = <<A\n${\nA\n}\nA\n  provisioner "local-exec" {\n'
                '    command = <<B\nA\nB\n  }\n}',
                7,
            ),
            ('resource "terraform_data" "x" {\n  input = "$${" /* } */\n  provisioner "local-exec" {\n  }\n}', 3),
            ('resource "terraform_data" "x" {\n  input = "a" # "\n  provisioner "local-exec" {\n  }\n} # "', 3),
            ('resource "terraform_data" "x" {\n  input = "${"}"}"\n  provisioner "local-exec" {\n  }\n}', 3),
            ('resource "terraform_data" "x" {\r\n  provisioner "local-exec" {\r\n  }\r\n}\r\n', 2),
        ],
    )  # fmt: skip
    def test_is_found_wherever_it_stands(self, text, line):
        found = of(text + "\n")
        assert [f for f in found if f.startswith(f"m/main.tf:{line}: a provisioner")], found

    @pytest.mark.parametrize(
        "name", ["override.tf", "x_override.tf", "modules/deep/er/main.tf", "examples/complete/main.tf"]
    )
    def test_is_found_in_every_folder_and_in_overrides(self, name):
        assert [p.split(":")[:2] for p in problems({name: PROVISIONER})] == [[f"m/{name}", "2"]]

    def test_that_is_only_talked_about_is_none(self):
        text = """\
# provisioner "local-exec" { command = "id" }
/* resource "x" "y" {
  provisioner "local-exec" {}
} */
// data "external" "x" {}
resource "terraform_data" "provisioner" {
  input = {
    provisioner = "provisioner \\"local-exec\\" {"
    connection  = <<-EOT
      provisioner "local-exec" {
        command = "$${id}"
      }
      provider "aws" {}
    EOT
    list = [for connection in ["external"] : connection]
  }
}
locals {
  provisioner = "data \\"external\\" \\"x\\" {}"
  connection  = terraform_data.provisioner.output
}
"""
        assert of(text) == []

    def test_is_refused_as_a_connection_of_a_resource_but_not_as_a_providers_own_block(self):
        (problem,) = of('resource "aws_instance" "x" {\n  connection {\n    host = "h"\n  }\n}\n')
        assert problem.startswith("m/main.tf:2: a connection block logs in")
        assert (
            of('resource "aws_bedrockagent_flow" "x" {\n  definition {\n    connection {\n    }\n  }\n}\n')
            == []
        )

    @pytest.mark.parametrize(
        "text",
        [
            'data "external" "x" {\n  program = ["id"]\n}\n',
            'data external x {\n  program = ["id"]\n}\n',
        ],
    )
    def test_of_an_external_data_source_is_refused(self, text):
        (problem,) = of(text)
        assert problem.startswith("m/main.tf:1: the data source external runs a program")

    def test_hidden_in_a_check_is_found(self):
        (problem,) = of('check "x" {\n  data "external" "x" {\n    program = ["id"]\n  }\n}\n')
        assert problem.startswith("m/main.tf:2: the data source external")

    def test_with_an_escaped_label_is_refused(self):
        (problem,) = of('data "\\u0065xternal" "x" {\n  program = ["id"]\n}\n')
        assert problem.startswith("m/main.tf:1: is no valid Terraform: the label")

    def test_is_taken_where_the_installation_says_so(self):
        text = PROVISIONER + 'data "external" "x" {\n  program = ["id"]\n}\n'
        assert of(text, allow_code=True) == []

    def test_reading_another_state_is_refused(self):
        (problem,) = of('data "terraform_remote_state" "x" {\n  backend = "local"\n}\n')
        assert problem.startswith("m/main.tf:1: terraform_remote_state reads a whole state")

    @pytest.mark.parametrize("kind", ["action", "import", "list", "backdoor"])
    def test_in_a_block_that_nobody_knows_is_refused(self, kind):
        (problem,) = of(f'{kind} "a" "b" {{\n}}\n')
        assert problem.startswith(f"m/main.tf:1: a {kind} block is not allowed")


class TestProviders:
    def test_are_not_configured_by_a_module(self):
        (problem,) = of('provider "aws" {\n  region = "us-east-1"\n}\n')
        assert problem.startswith("m/main.tf:1: a provider block inside a module")
        assert problems({"examples/complete/main.tf": 'provider "aws" {\n}\n'}) == []

    @pytest.mark.parametrize("block", ['backend "s3"', "cloud"])
    def test_do_not_keep_the_state(self, block):
        (problem,) = of(f"terraform {{\n  {block} {{\n  }}\n}}\n")
        assert problem.startswith("m/main.tf:2: a ")
        assert "where the state is kept" in problem

    @pytest.mark.parametrize(
        ("source", "address"),
        [
            ('{ source = "hashicorp/random", version = "~> 3" }', "hashicorp/random"),
            ('{ "source" : "Evil/Random" }', "evil/random"),
            ('{ source = "registry.example.com/hashicorp/aws" }', "registry.example.com/hashicorp/aws"),
            ('">= 3"', "hashicorp/random"),
            ("{ version = 3 }", "hashicorp/random"),
            ('{ source = "registry.terraform.io/hashicorp/random" }', "hashicorp/random"),
        ],
    )
    def test_outside_the_list_are_refused_where_they_are_declared(self, source, address):
        text = f"terraform {{\n  required_providers {{\n    random = {source}\n  }}\n}}\n"
        (problem,) = of(text)
        assert problem.startswith(f"m/main.tf:3: the provider {address} is not on the list")
        assert "DRAWBRIDGE_MODULE_PROVIDERS" in problem
        assert of(text, providers=frozenset({"hashicorp/aws", address})) == []

    @pytest.mark.parametrize("key", ['"${"source"}"', "(local.key)", '("source")'])
    def test_behind_an_expression_are_refused(self, key):
        text = f'terraform {{\n  required_providers {{\n    aws = {{ {key} = "evil/aws" }}\n  }}\n}}\n'
        assert any("must be written with constants" in p for p in of(text))

    @pytest.mark.parametrize(
        "text",
        [
            'resource "random_id" "x" {\n}\n',
            'data "http" "x" {\n  url = "http://169.254.169.254/"\n}\n',
            'ephemeral "random_password" "x" {\n}\n',
            'resource "aws_sqs_queue" "x" {\n  provider = random.west\n}\n',
        ],
    )
    def test_that_are_used_without_being_declared_are_refused(self, text):
        (problem,) = of(text)
        assert re.match(r"m/main\.tf:1: the provider hashicorp/(random|http) is not on the list", problem)

    def test_are_those_of_the_folder(self):
        files = {"modules/x/main.tf": 'resource "aws_sqs_queue" "x" {\n}\n'}
        evil = 'terraform {\n  required_providers {\n    aws = { source = "evil/aws" }\n  }\n}\n'
        assert problems(files) == []
        assert [p.split(":")[0] for p in problems({**files, "modules/x/versions.tf": evil})] == [
            "m/modules/x/versions.tf"
        ]

    def test_include_terraforms_own(self):
        assert of('resource "terraform_data" "x" {\n}\n') == []


class TestModuleSources:
    def module(self, source, more="", name="main.tf", **rules):
        files = {
            name: f'module "x" {{\n  source = {source}\n{more}}}\n',
            "modules/a/main.tf": "locals {\n}\n",
        }
        return problems({"examples/complete/main.tf": "locals {\n}\n", **files}, **rules)

    def test_inside_the_folder_are_taken(self):
        assert self.module('"./modules/a"') == []
        assert self.module('"../a"', name="modules/b/main.tf") == []
        assert self.module('"../.."', name="examples/other/main.tf") == []

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            ('"../other"', "leaves the module's folder"),
            ('"./modules/../../other"', "leaves the module's folder"),
            ('"./modules/b"', "is no folder of this module"),
            ('"./examples/complete"', "is an example or a test"),
            ('"${"./modules/a"}"', "must be a constant text"),
            ("var.source", "must be a constant text"),
            ('"/etc"', "is none that the catalog takes"),
            ('"git::file:///srv/x"', "is none that the catalog takes"),
            ('"git::ext::sh"', "is none that the catalog takes"),
            ('"https://example.com/x.zip"', "is none that the catalog takes"),
            ('"s3::https://s3.amazonaws.com/x.zip"', "is none that the catalog takes"),
            ('"github.com/example/vpc"', "comes from github.com, which is not on the list"),
            ('"example/vpc/aws"', "comes from registry.terraform.io, which is not on the list"),
            ('"app.terraform.io/example/vpc/aws"', "comes from app.terraform.io, which is not on the list"),
            ('"git::https://git.example.com/vpc.git?ref=v1"', "comes from git.example.com, which is not on"),
        ],
    )
    def test_elsewhere_are_refused(self, source, reason):
        (problem,) = self.module(source)
        if "github.com/example" in source:  # too short for a registry's address
            reason = "is none that the catalog takes"
        assert problem.startswith("m/main.tf:2: ")
        assert reason in problem

    def test_of_a_registry_on_the_list_are_taken_at_one_version(self):
        hosts = {"module_hosts": frozenset({"app.terraform.io"})}
        source = '"app.terraform.io/example/vpc/aws"'
        assert self.module(source, '  version = "5.1.2"\n', **hosts) == []
        assert (
            self.module('"app.terraform.io/example/vpc/aws//modules/x"', '  version = "= 5.1.2"\n', **hosts)
            == []
        )
        for version in ("", '  version = "~> 5.1"\n', '  version = ">= 5.1.2"\n', "  version = var.v\n"):
            (problem,) = self.module(source, version, **hosts)
            assert "give one exact version" in problem

    def test_of_a_git_host_on_the_list_are_taken_at_one_commit(self):
        hosts = {"module_hosts": frozenset({"git.example.com"})}
        commit = "0123456789abcdef0123456789abcdef01234567"
        assert self.module(f'"git::https://git.example.com/vpc.git//x?ref={commit}"', **hosts) == []
        assert self.module(f'"git::ssh://git@git.example.com/vpc.git?depth=1&ref={commit}"', **hosts) == []
        for query in ("ref=v1", f"ref={commit}&sshkey=x", f"ref={commit[:12]}"):
            (problem,) = self.module(f'"git::https://git.example.com/vpc.git?{query}"', **hosts)
            assert "name the commit" in problem

    def test_are_named_without_their_password(self):
        (problem,) = self.module('"git::https://me:hunter2@git.example.com/vpc.git?ref=v1"')
        assert "hunter2" not in problem


class TestFiles:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ('resource "a" "b" {\n  x = 1\n', 3),
            ('resource "a" "b" {\n  x = (1\n}\n', 3),
            ('resource "a" "b" {\n  x = "y\n}\n', 2),
            ('resource "a" "b" {\n  x = <<EOT\nhello\n EOTS\n}\n', 2),
            ('/* resource "a" "b" {}\n', 1),
            ("x = 1\n", 1),
            ("resource {\n  x = \n}\n", 2),
            ("locals {\n  x = 1 +\n}\n", 3),
            ('locals {\n  a = "x" }\nlocals { b = 1\n}\n}\n', 5),
            ("locals {\n  a = 1\n  \x1b[2K\n}\n", 3),
            ("# shown differently \u202e\n", 1),
            ("locals {}\n#\rresource\n", 2),
        ],
    )
    def test_that_are_no_terraform_are_refused_at_the_line(self, text, line):
        found = of(text)
        assert [f for f in found if f.startswith(f"m/main.tf:{line}: ")] == found != []

    @pytest.mark.parametrize("name", ["main.tf.json", "modules/x/a.tf.json", "a.tofu", "a.tofu.json"])
    def test_that_another_reader_takes_are_refused(self, name):
        (problem,) = problems({name: "{}"})
        assert problem.startswith(f"m/{name}: is ")

    def test_that_are_huge_or_no_text_are_refused(self):
        assert "is larger than 256 KiB" in of("#" * (256 * 1024 + 1))[0]
        found = check_module({"main.tf": b"\xff"}, "m", Rules())
        assert [str(p) for p in found] == ["m/main.tf: is not UTF-8 text; save it as UTF-8"]

    @pytest.mark.parametrize("nested", ["[" * 5000, "${" * 3000, '"${' * 3000, "a {" * 3000, "((" * 3000])
    def test_that_are_nested_without_end_are_refused_too(self, nested):
        assert of(f"locals {{\n  x = {nested}\n}}\n") != []

    def test_with_undescribed_variables_are_refused(self):
        text = 'variable "a" {\n}\nvariable "b" {\n  description = " "\n}\nvariable "c" {\n  description = "C."\n}\n'
        assert [p[:35] for p in problems({"variables.tf": text})] == [
            "m/variables.tf:1: variable a has no",
            "m/variables.tf:3: variable b has no",
        ]

    def test_are_read_as_they_stand(self):
        (block,) = read_blocks(
            'a "b" c {\n  x = { y = 1, z = "}" }\n\n  d {\n    e = <<-E\n    }\n    E\n  }\n}\n'
        )
        assert (block.type, block.labels, block.line) == ("a", ("b", "c"), 1)
        assert block.attribute("x").source == '{ y = 1 , z = "}" }'
        assert [(inner.type, inner.line) for inner in block.walk()] == [("a", 1), ("d", 4)]
        with pytest.raises(StructureError):
            read_blocks("a {} b {}\n")


@pytest.mark.django_db
class TestSync:
    def test_refuses_the_unsafe_and_publishes_the_rest(self, modules, settings):
        bad = modules / "bad"
        (modules / "bucket").rename(modules / "good")
        bad.mkdir()
        for path in (modules / "good").iterdir():
            (bad / path.name).write_bytes(path.read_bytes())
        (bad / "main.tf").write_text(PROVISIONER)
        report = sync_catalog(modules, NOW)
        assert report.created == ("good@1.0.0",)
        assert [(p.file, p.line) for p in report.refused] == [("terraform_modules/bad/main.tf", 2)]
        settings.DRAWBRIDGE_ALLOW_CODE_IN_MODULES = True
        assert sync_catalog(modules, NOW).created == ("bad@1.0.0",)
        # Judged once: what is published stays published under stricter settings.
        settings.DRAWBRIDGE_ALLOW_CODE_IN_MODULES = False
        assert sync_catalog(modules, NOW).unchanged == ("bad@1.0.0", "good@1.0.0")

    def test_reports_everything_that_is_wrong_at_once(self, modules):
        path = modules / "bucket" / "catalog.yaml"
        path.write_text(path.read_text().replace("name_variable: name", "name_variable: nmae"))
        (modules / "bucket" / "main.tf").write_text(PROVISIONER)
        report = sync_catalog(modules, NOW)
        assert {p.file.rpartition("/")[2] for p in report.refused} == {"catalog.yaml", "main.tf"}
        assert not CatalogItemVersion.objects.exists()

    def test_does_not_follow_links(self, modules, tmp_path):
        (modules / "bucket").rename(tmp_path / "elsewhere")
        (modules / "bucket").symlink_to(tmp_path / "elsewhere")
        (problem,) = sync_catalog(modules, NOW).refused
        assert "is a link" in problem.reason
        (modules / "bucket").unlink()
        (tmp_path / "elsewhere").rename(modules / "bucket")
        (modules / "bucket" / "modules").mkdir()
        (modules / "bucket" / "modules" / "x").symlink_to("/etc")
        (problem,) = sync_catalog(modules, NOW).refused
        assert problem.file == "terraform_modules/bucket/modules/x"
        assert "links are not allowed" in problem.reason
