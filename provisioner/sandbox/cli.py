"""The command line of the stand-in cloud: install it, look into it, and make it misbehave."""

import argparse
import difflib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from provisioner.sandbox import install, schema, values
from provisioner.sandbox.cloud import Attributes, Cloud, Fault, Key
from provisioner.sandbox.session import DEFAULT_ACCOUNT

_CHANGES = ("create", "update", "delete", "*")
_OPERATIONS = ("create", "read", "update", "delete", "*")
_KINDS = ("error", "error-after", "crash", "hang")
_NAMES = ("identifier", "name", "arn", "bucket", "alarm_name")
_SHAPES: dict[str, tuple[tuple[type, ...], str]] = {
    "list": ((list,), "a JSON list"),
    "set": ((list,), "a JSON list"),
    "map": ((dict,), "a JSON object"),
    "object": ((dict,), "a JSON object"),
    "string": ((str, int, float), "a text"),
    "number": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
}
_SHOWN_NAMES = 8

_ABOUT = f"""\
The stand-in AWS provider and its cloud (account {DEFAULT_ACCOUNT}). No AWS account is touched.

  list     what exists
  log      what was really done, when and for which workspace
  drift    change or remove an object behind Terraform's back
  fail     let coming operations of Terraform fail
  delay    let operations take their time, from now on
  install  write the provider mirror
"""
_LIST = """\
examples:
  list --workspace 7d0c…             what a workspace has made
  list --type aws_db_instance --json | jq .attributes.instance_class
"""
_LOG = """\
examples:
  log --workspace 7d0c…              what happened to a workspace's objects
  log --type aws_db_instance --json | tail -1
"""
_DRIFT = """\
examples:
  drift --type aws_db_instance --id orders-db-production --set instance_class=db.t4g.large
  drift --type aws_db_instance --id orders-db-production --set deletion_protection=false
  drift --type aws_sqs_queue --id orders-development --set 'tags={"service": "other"}'
  drift --type aws_cloudwatch_metric_alarm --id orders-db-production-cpu --delete
The next plan of the workspace shows it, and says how Terraform would put it right.
"""
_FAIL = """\
kinds:
  error        nothing is done
  error-after  it is done, and an error all the same: Terraform taints a new object
  crash        the provider dies
  hang         until Terraform is told to stop
examples:
  fail --type aws_db_instance --message 'InsufficientDBInstanceCapacity: none left'
  fail --type aws_db_instance --op delete --kind error-after --count 2
  fail --list;  fail --clear
"""
_DELAY = """\
A delay stays until it is set to 0 or cleared; of several that match, the longest counts, DRAWBRIDGE_SANDBOX_DELAY_S
of Terraform's environment among them.
examples:
  delay --type aws_db_instance --op create --seconds 90
  delay --seconds 0.5                any change of anything
  delay --type aws_db_instance --op create --seconds 0
  delay --list;  delay --clear
"""


class Refused(Exception):
    """What was asked for cannot be done; the text says what to do instead."""


def main(argv: list[str]) -> int:
    """Run a command; return its exit code: 0, 1 for what cannot be done, 2 for a wrong command line."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not arguments.home:
        print("Where is the sandbox? Give --home DIR or set DRAWBRIDGE_SANDBOX_HOME.", file=sys.stderr)
        return 2
    try:
        arguments.run(arguments)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except BrokenPipeError:  # `… log | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _install(arguments: argparse.Namespace) -> None:
    print(install.install(arguments.home))


def _list(arguments: argparse.Namespace) -> None:
    def columns(row: Attributes) -> tuple[str, ...]:
        return row["type"], row["id"], row["region"] or "-", row["workspace"] or "-"

    _print(arguments, _selected(arguments, _existing(arguments.home).objects()), columns)


def _log(arguments: argparse.Namespace) -> None:
    def columns(row: Attributes) -> tuple[str, ...]:
        return row["at"][:19] + "Z", row["operation"], row["type"], row["id"], row["workspace"] or "-"

    _print(arguments, _selected(arguments, _existing(arguments.home).events()), columns)


def _fail(arguments: argparse.Namespace) -> None:
    cloud = Cloud(arguments.home)
    if arguments.list:
        _print(
            arguments,
            cloud.faults(),
            lambda row: (
                row["type"],
                row["operation"],
                row["kind"],
                f"{row['remaining']} to come",
                row["message"],
            ),
        )
    elif arguments.clear:
        cloud.clear_faults()
    elif not arguments.type:
        raise Refused("Which type shall fail? Give --type aws_… (or '*').")
    else:
        _check_type(arguments.type)
        cloud.add_fault(
            arguments.type, arguments.op, Fault(arguments.kind, arguments.message), arguments.count
        )


def _delay(arguments: argparse.Namespace) -> None:
    cloud = Cloud(arguments.home)
    if arguments.list:
        _print(
            arguments, cloud.delays(), lambda row: (row["type"], row["operation"], f"{row['seconds']:g} s")
        )
    elif arguments.clear:
        cloud.clear_delays()
    elif arguments.seconds is None:
        raise Refused("How long? Give --seconds N (0 takes a delay away), --list or --clear.")
    else:
        _check_type(arguments.type)
        cloud.set_delay(arguments.type, arguments.op, arguments.seconds)


def _drift(arguments: argparse.Namespace) -> None:
    if not arguments.set and not arguments.delete:
        raise Refused("What shall change? Give --set ATTRIBUTE=JSON or --delete.")
    cloud = _existing(arguments.home)
    key, attributes = _find(cloud, arguments)
    tags = attributes.get("tags_all") or {}
    if arguments.delete:
        cloud.delete(key, tags, operation="drift-delete")
        return
    _check_type(key.type)  # what is no resource of Terraform's, such as a last snapshot, can only be removed
    block = schema.Schemas().resource(key.type)
    for name, value in arguments.set:
        # In the cloud an object has one set of tags; the split into default tags and own ones is the provider's.
        stored_as = "tags_all" if name == "tags" else name
        attributes[stored_as] = _fitted(key.type, block, stored_as, value)
    cloud.update(key, attributes, tags, operation="drift")


def _existing(home: str) -> Cloud:
    """Open a cloud that is there: a look into the wrong directory must not make one."""
    if not os.path.exists(os.path.join(home, "cloud.db")):
        raise Refused(
            f"There is no sandbox cloud in {home}. It is made by the first run of Terraform, or by"
            " `python -m provisioner.sandbox install`; --home or DRAWBRIDGE_SANDBOX_HOME names its directory."
        )
    return Cloud(home)


def _check_type(name: str) -> None:
    known = sorted(schema.Schemas().resources)
    if name != "*" and name not in known:
        raise Refused(f"The sandbox knows no type {name!r}.{_suggestion(name, known)}")


def _find(cloud: Cloud, arguments: argparse.Namespace) -> tuple[Key, Attributes]:
    """Find an object by its id or by a name it is known by."""
    of_type = [row for row in cloud.objects() if row["type"] == arguments.type]
    for row in of_type:
        attributes: Attributes = row["attributes"]
        if arguments.id in (row["id"], *(attributes.get(name) for name in _NAMES)):
            return Key(row["type"], row["id"], row["region"], row["account"]), attributes
    if not of_type:
        _check_type(arguments.type)
    ids = [row["id"] for row in of_type]
    more = ", …" if len(ids) > _SHOWN_NAMES else ""
    there = f"There are: {', '.join(ids[:_SHOWN_NAMES])}{more}." if ids else "There is none at all."
    raise Refused(f"No {arguments.type} {arguments.id!r} in the sandbox cloud. {there}")


def _fitted(type_name: str, block: schema.Block, name: str, value: Any) -> Any:
    """Return a value as the schema wants it. Raises Refused for an attribute or a value that it does not have."""
    known = schema.attributes(block)
    if name == "id":
        raise Refused("An object keeps its id; --delete removes the object.")
    if name in schema.secret_attributes(block):
        raise Refused(f"{name} of {type_name} is a secret, and the sandbox keeps none.")
    if name in schema.nested_blocks(block):
        kind: Any = (
            ["object", {}] if schema.nested_blocks(block)[name]["nesting_mode"] == "single" else "list"
        )
    elif name in known:
        kind = known[name]["type"]
    else:
        raise Refused(
            f"{type_name} has no attribute {name!r}.{_suggestion(name, [*known, *schema.nested_blocks(block)])}"
        )
    shape = kind[0] if isinstance(kind, list) else kind
    types, described = _SHAPES.get(shape, ((object,), "something else"))
    if value is not None and (
        not isinstance(value, types) or (shape == "number" and isinstance(value, bool))
    ):
        raise Refused(f"{name} of {type_name} is {described}, not {json.dumps(value)}.")
    try:
        return values.conform(kind, value) if name in known else value
    except (AttributeError, TypeError, ValueError) as error:
        raise Refused(f"{name} of {type_name} cannot be {json.dumps(value)}.") from error


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def _selected(arguments: argparse.Namespace, rows: Iterable[Attributes]) -> Iterator[Attributes]:
    seen = False
    for row in rows:
        if arguments.type in (None, row["type"]):
            seen = True
            if arguments.workspace in (None, row["workspace"]):
                yield row
    if not seen and arguments.type:
        _check_type(arguments.type)


def _print(
    arguments: argparse.Namespace,
    rows: Iterable[Attributes],
    columns: Callable[[Attributes], tuple[str, ...]],
) -> None:
    """Print a line a row: aligned for people, JSON for programs."""
    if arguments.json:
        for row in rows:
            print(json.dumps(row, sort_keys=True))
        return
    lines = [columns(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _assignment(text: str) -> tuple[str, Any]:
    """Read ATTRIBUTE=JSON; what is no JSON is a string."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not ATTRIBUTE=JSON")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to 86400")
    return seconds


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m provisioner.sandbox",
        usage="python -m provisioner.sandbox COMMAND [--home HOME] …",
        description=_ABOUT,
        epilog="`COMMAND --help` shows a command's options and examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", prog="python -m provisioner.sandbox", help=argparse.SUPPRESS
    )

    def command(name: str, run: Any, text: str, examples: str = "") -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            description=text,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.add_argument(
            "--home",
            default=os.environ.get("DRAWBRIDGE_SANDBOX_HOME"),
            help="the sandbox's directory (default: DRAWBRIDGE_SANDBOX_HOME)",
        )
        added.set_defaults(run=run)
        return added

    command("install", _install, "Write the provider mirror that Terraform's CLI configuration points to.")

    for name, run, text, examples in (
        ("list", _list, "Show what exists: type, id, region, workspace.", _LIST),
        ("log", _log, "Show what was created, updated, deleted or drifted: when, what, whose.", _LOG),
    ):
        listing = command(name, run, text, examples)
        listing.add_argument("--type", help="only this resource type")
        listing.add_argument("--workspace", help="only what carries this drawbridge-workspace tag")
        listing.add_argument("--json", action="store_true", help="everything, one JSON document a line")

    drift = command("drift", _drift, "Change an object behind Terraform's back.", _DRIFT)
    drift.add_argument("--type", required=True, help="its resource type")
    drift.add_argument("--id", required=True, help="its id, identifier, name, bucket or ARN")
    drift.add_argument(
        "--set",
        type=_assignment,
        action="append",
        metavar="ATTRIBUTE=JSON",
        help="what it is now; may be given several times; what is no JSON is a text",
    )
    drift.add_argument("--delete", action="store_true", help="remove the object")

    fail = command("fail", _fail, "Let coming operations of Terraform fail.", _FAIL)
    fail.add_argument("--type", help="resource type, '*' for any")
    fail.add_argument("--op", choices=_OPERATIONS, default="create", help="which operation (default: create)")
    fail.add_argument("--message", default="InternalFailure: injected fault", help="what AWS says")
    fail.add_argument("--count", type=_count, default=1, help="how many operations fail (default: 1)")
    fail.add_argument("--kind", choices=_KINDS, default="error", help="see below (default: error)")

    delay = command("delay", _delay, "Let operations take their time, whoever runs them.", _DELAY)
    delay.add_argument("--type", default="*", help="resource type (default: any)")
    delay.add_argument("--op", choices=_CHANGES, default="*", help="which operation (default: any)")
    delay.add_argument("--seconds", type=_seconds, help="how long it takes; 0 takes the delay away")

    for added, what in ((fail, "fault that is to come"), (delay, "delay")):
        added.add_argument("--list", action="store_true", help=f"show every {what}")
        added.add_argument("--json", action="store_true", help="with --list: one JSON document a line")
        added.add_argument("--clear", action="store_true", help=f"forget every {what}")

    serve = commands.add_parser("serve", description="What Terraform runs, through the mirror's script.")
    serve.set_defaults(home="", run=None)
    return parser
