"""The root of the commands."""

from __future__ import annotations

import click

from portal.cli.session import Session, common
from portal.cli.version import VERSION

EXIT_CODES = """\b
Exit codes:
  0  done
  1  refused by the portal, or the run ended otherwise than it should
  2  the command cannot be understood; nothing was sent
  3  the portal cannot be reached
  4  no token, or one that may not do this
  5  --timeout was up first; the run goes on
"""


SECTIONS = {
    "Begin": ("login", "logout", "whoami", "profiles", "completion"),
    "Order": ("catalog", "evaluate", "order", "update", "upgrade", "destroy"),
    "Follow": ("runs",),
    "Decide": ("approvals", "approve", "reject", "request-changes", "override"),
    "Look": ("workspaces", "outputs", "costs", "export"),
    "Other pipelines": ("policy",),
}


class Sections(click.Group):
    """A group that lists its commands by what one wants to do."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        named = {name for names in SECTIONS.values() for name in names}
        sections = {**SECTIONS, "More": tuple(name for name in self.list_commands(ctx) if name not in named)}
        for title, names in sections.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, command.get_short_help_str(70)) for name, command in found if command is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=18)


@common
@click.group(
    "drawbridge",
    cls=Sections,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, prog_name="drawbridge")
@click.pass_context
def drawbridge(ctx: click.Context) -> None:
    """Order infrastructure from a Drawbridge portal, and follow what becomes of it.

    Begin with `drawbridge login URL` and `drawbridge catalog`.
    """
    ctx.ensure_object(Session)
