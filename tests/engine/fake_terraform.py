"""Executables that answer like Terraform, for what a real one cannot be made to do."""

from pathlib import Path

_SCRIPT = """#!/bin/sh
echo "$0 $*" >> {folder}/argv
case "$1" in
version) echo "Terraform v9.9.9"; exit 0;;
init) exit 0;;
show) echo '{{"format_version": "1.2", "resource_changes": []}}'; exit 0;;
esac
{body}
"""


def fake_terraform(folder: Path, body: str) -> Path:
    """Write an executable whose `plan` and `apply` run the shell text `body`; its arguments go to `argv`."""
    path = folder / "terraform"
    path.write_text(_SCRIPT.format(folder=folder, body=body))
    path.chmod(0o755)
    return path
