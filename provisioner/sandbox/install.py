"""The filesystem mirror through which Terraform finds the stand-in provider.

An unpacked mirror: Terraform links to it and takes its checksum for the lock file, so the wrapper script is the same
bytes for the same Python and the same repository path.
"""

import importlib.util
import os
import platform
import shlex
import sys

from provisioner.sandbox import certificate, cloud, files, schema_cache

VERSION = "6.62.0"
_REGISTRIES = ("registry.terraform.io", "registry.opentofu.org")
_PACKAGES = ("h2", "hpack", "hyperframe", "msgpack", "cryptography", "cffi")
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def install(home: str) -> str:
    """Write the mirror, certificate, cloud file and schema cache under home; return the mirror's path.

    Safe to repeat and to run several times at once. Files that are right already are left untouched.
    """
    home = os.path.abspath(home)
    files.make_private_directory(home)
    content = wrapper().encode()
    mirror = os.path.join(home, "mirror")
    for registry in _REGISTRIES:
        directory = os.path.join(mirror, registry, "hashicorp", "aws", VERSION, platform_name())
        os.makedirs(directory, mode=0o755, exist_ok=True)
        path = os.path.join(directory, f"terraform-provider-aws_v{VERSION}")
        if not _holds(path, content):
            # Written outside the mirror: Terraform's checksum covers every file in the directory.
            prepared = os.path.join(home, f"wrapper.{os.getpid()}")
            files.write_private(prepared, content, mode=0o755)
            os.replace(prepared, path)
    certificate.ensure(home)
    cloud.Cloud(home).close()
    schema_cache.response(home)
    return mirror


def wrapper() -> str:
    """Return the script that Terraform takes for the provider's executable."""
    main = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")
    command = [sys.executable, "-I", "-S", main, "serve", *_package_directories()]
    # Ctrl-C goes to the whole process group: ignored from the very start, Terraform sends Stop instead.
    return f"#!/bin/sh\ntrap '' INT\nexec {shlex.join(command)}\n"


def platform_name() -> str:
    """Return the machine's name in Terraform's form, such as linux_amd64."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_MACHINES.get(machine, machine)}"


def _package_directories() -> list[str]:
    """List the directories that hold the packages the provider needs, for `python -S`."""
    directories: list[str] = []
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            sys.exit(
                f"The Python package {name} is missing: the sandbox provider needs it. Install requirements.lock."
            )
        directory = os.path.dirname(os.path.dirname(os.path.abspath(spec.origin)))
        if directory not in directories:
            directories.append(directory)
    return directories


def _holds(path: str, content: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read() == content and os.access(path, os.X_OK)
    except OSError:
        return False
