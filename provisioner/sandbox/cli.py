"""The command line of the stand-in cloud: install it, look into it, and make it misbehave."""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from typing import Any

from provisioner.sandbox import install
from provisioner.sandbox.cloud import Attributes, Cloud, Fault, Key
from provisioner.sandbox.session import DEFAULT_ACCOUNT

_OPERATIONS = ("create", "read", "update", "delete", "*")
_KINDS = ("error", "error-after", "crash", "hang")


def main(argv: list[str]) -> int:
    """Run a command; return its exit code."""
    arguments = _parser().parse_args(argv)
    if not arguments.home:
        print("Where is the sandbox? Give --home DIR or set DRAWBRIDGE_SANDBOX_HOME.", file=sys.stderr)
        return 2
    try:
        code: int = arguments.run(arguments)
    except BrokenPipeError:  # `… log | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _install(arguments: argparse.Namespace) -> int:
    print(install.install(arguments.home))
    return 0


def _fault(arguments: argparse.Namespace) -> int:
    cloud = Cloud(arguments.home)
    if arguments.clear:
        cloud.clear_faults()
        return 0
    if not arguments.type:
        print("Which type shall fail? Give --type aws_… (or '*').", file=sys.stderr)
        return 2
    cloud.add_fault(arguments.type, arguments.op, Fault(arguments.kind, arguments.message), arguments.count)
    return 0


def _objects(arguments: argparse.Namespace) -> int:
    return _print_selected(arguments, Cloud(arguments.home).objects())


def _log(arguments: argparse.Namespace) -> int:
    return _print_selected(arguments, Cloud(arguments.home).events())


def _print_selected(arguments: argparse.Namespace, rows: Iterable[Attributes]) -> int:
    for row in rows:
        if arguments.type in (None, row["type"]) and arguments.workspace in (None, row["workspace"]):
            print(json.dumps(row, sort_keys=True))
    return 0


def _drift(arguments: argparse.Namespace) -> int:
    cloud = Cloud(arguments.home)
    found = _find(cloud, arguments)
    if found is None:
        print(
            f"No {arguments.type} {arguments.id!r} in the sandbox cloud; see the `objects` command.",
            file=sys.stderr,
        )
        return 1
    key, attributes = found
    tags = attributes.get("tags_all") or {}
    if arguments.delete:
        cloud.delete(key, tags, operation="drift-delete")
        return 0
    if not arguments.set:
        print("What shall change? Give --set ATTRIBUTE=JSON or --delete.", file=sys.stderr)
        return 2
    for name, value in arguments.set:
        # In the cloud an object has one set of tags; the split into default tags and own ones is the provider's.
        attributes["tags_all" if name == "tags" else name] = value
    cloud.update(key, attributes, tags, operation="drift")
    return 0


def _find(cloud: Cloud, arguments: argparse.Namespace) -> tuple[Key, Attributes] | None:
    """Find an object by its id or by a name it is known by."""
    for row in cloud.objects():
        attributes: Attributes = row["attributes"]
        names = (
            row["id"],
            *(attributes.get(name) for name in ("identifier", "name", "arn", "bucket", "alarm_name")),
        )
        if row["type"] == arguments.type and arguments.id in names:
            return Key(row["type"], row["id"], row["region"], row["account"]), attributes
    return None


def _assignment(text: str) -> tuple[str, Any]:
    """Read ATTRIBUTE=JSON; what is no JSON is a string."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not ATTRIBUTE=JSON")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m provisioner.sandbox",
        description=f"The stand-in AWS provider and its cloud (account {DEFAULT_ACCOUNT}). No AWS account is touched.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument(
            "--home",
            default=os.environ.get("DRAWBRIDGE_SANDBOX_HOME"),
            help="the sandbox's directory (default: DRAWBRIDGE_SANDBOX_HOME)",
        )
        added.set_defaults(run=run)
        return added

    command("install", _install, "Write the provider mirror that Terraform's CLI configuration points to.")

    fault = command("fault", _fault, "Let operations of Terraform fail.")
    fault.add_argument("--type", help="resource type, '*' for any")
    fault.add_argument("--op", choices=_OPERATIONS, default="create")
    fault.add_argument("--message", default="InternalFailure: injected fault")
    fault.add_argument("--count", type=int, default=1, help="how many operations fail")
    fault.add_argument(
        "--kind",
        choices=_KINDS,
        default="error",
        help="error-after: the object is made (or changed) all the same",
    )
    fault.add_argument("--clear", action="store_true", help="forget every fault")

    for name, run, text in (
        ("objects", _objects, "Print what exists, one JSON document a line."),
        ("log", _log, "Print what was created, updated and deleted, one JSON document a line."),
    ):
        listing = command(name, run, text)
        listing.add_argument("--type", help="only this resource type")
        listing.add_argument("--workspace", help="only what carries this drawbridge-workspace tag")

    drift = command("drift", _drift, "Change an object behind Terraform's back.")
    drift.add_argument("--type", required=True)
    drift.add_argument("--id", required=True, help="its id, identifier, name, bucket or ARN")
    drift.add_argument("--set", type=_assignment, action="append", metavar="ATTRIBUTE=JSON")
    drift.add_argument("--delete", action="store_true")

    serve = commands.add_parser("serve", help="what Terraform runs, through the mirror's script")
    serve.set_defaults(home="", run=None)
    return parser
