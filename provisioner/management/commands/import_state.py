"""`manage.py import_state … STATE.tfstate`: make a workspace from a Terraform state that is older than the portal."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from provisioner.domain.errors import Refusal
from provisioner.services import adopt, system
from provisioner.services.ask import Ask


class Command(BaseCommand):
    """Take a state over, and order the update whose plan shows how it differs from the golden path."""

    help = (
        "Make a workspace from a Terraform state (version 4) that was kept elsewhere, and order an update whose plan "
        "shows how what is there differs from the golden path. Nothing is written when anything is refused."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Let our --version take the place of Django's."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "state", type=Path, metavar="STATE.tfstate", help="as `terraform state pull` writes it"
        )
        parser.add_argument("--item", required=True, help="slug of the catalog item")
        parser.add_argument("--version", help="its version (default: the newest published)")
        parser.add_argument("--service", required=True, help="slug of the service that owns it")
        parser.add_argument("--environment", required=True, help="slug of the environment")
        parser.add_argument("--name", required=True, help="name of the workspace, as the module is to get it")
        parser.add_argument(
            "--parameters", type=Path, metavar="FILE.json", help="what differs from what the portal fills in"
        )
        parser.add_argument(
            "--module", default="", metavar="ADDRESS", help="the module in the state (default: its root)"
        )
        parser.add_argument("--justification", default="", help="for those who may have to approve")
        parser.add_argument("--as", dest="username", help="who orders it (default: the portal itself)")

    def handle(self, *args: Any, **options: Any) -> None:
        ask = Ask(
            item=options["item"],
            version=options["version"],
            service=options["service"],
            environment=options["environment"],
            name=options["name"],
            parameters=_parameters(options["parameters"]),
            justification=options["justification"] or f"Takes over what {options['state'].name} manages.",
        )
        try:
            run = adopt.adopt_state(
                ask,
                _bytes(options["state"]),
                module_address=options["module"],
                requester=_requester(options["username"]),
                now=timezone.now(),
            )
        except Refusal as refusal:
            raise CommandError(_in_words(refusal)) from refusal
        self.stdout.write(str(run.workspace_id))
        self.stderr.write(
            f"{run.workspace.name} is a workspace now, and its update is being planned: run {run.pk}. Look at its plan "
            "before anything is applied. Stop using the state where it was, and delete the file: it may hold secrets."
        )


def _requester(username: str | None) -> User:
    if username is None:
        return system.account()
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no active user {username!r}.")
    return user


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error


def _parameters(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        parameters = json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path} is no JSON: {error}.") from error
    if not isinstance(parameters, dict):
        raise CommandError(f"{path} holds no JSON object of parameters.")
    return parameters


def _in_words(refusal: Refusal) -> str:
    rows = [refusal.detail]
    rows += [f"  {error.field}: {error.message}" for error in refusal.errors]
    rows += [f"  {finding.where}: {finding.what} {finding.fix}" for finding in refusal.findings]
    return "\n".join(rows)
