"""The environment of Terraform: only what is listed here reaches it.

A module can read its process's environment (`file("/proc/self/environ")`), so the worker's own secrets
must not be in it; and variables such as TF_CLI_ARGS, TF_LOG or LD_PRELOAD would change what is run.
"""

from collections.abc import Mapping
from pathlib import Path

from provisioner.engine.config import EngineConfig
from provisioner.engine.types import RunSpec

_ALWAYS = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
_REGISTRY_TOKEN = "TF_TOKEN_"  # noqa: S105  (the beginning of a name, no secret)
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def base_environment(config: EngineConfig, cli_config: Path, own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of every command, without the state's credential. `own` is the worker's."""
    environment = {name: own[name] for name in _ALWAYS if name in own}
    environment.setdefault("PATH", DEFAULT_PATH)
    # Private registries of modules: with a CLI configuration of our own, Terraform reads no stored credentials.
    environment |= {name: own[name] for name in own if name.startswith(_REGISTRY_TOKEN)}
    if config.target == "aws":
        environment |= {name: own[name] for name in own if name in _PROXIES or name.startswith("AWS_")}
        # The provider looks for shared credentials in the home directory.
        environment["HOME"] = own.get("HOME", "/")
    else:
        environment |= {name: own[name] for name in own if name.startswith("DRAWBRIDGE_SANDBOX_")}
        environment["DRAWBRIDGE_SANDBOX_HOME"] = str(config.sandbox_home)
        environment["HOME"] = str(config.work_dir / "home")
    return environment | {
        "TF_CLI_CONFIG_FILE": str(cli_config),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
    }


def run_environment(
    config: EngineConfig, spec: RunSpec, cli_config: Path, own: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of a run's commands: the base and the state's address and credential."""
    return base_environment(config, cli_config, own) | {
        "TF_HTTP_ADDRESS": spec.state_address,
        "TF_HTTP_LOCK_ADDRESS": spec.state_address,
        "TF_HTTP_UNLOCK_ADDRESS": spec.state_address,
        "TF_HTTP_USERNAME": spec.state_username,
        "TF_HTTP_PASSWORD": spec.state_password,
        # Eight tries, 1 to 10 s apart, ride out a restart of the portal.
        "TF_HTTP_RETRY_MAX": str(config.http_retry_max),
        "TF_HTTP_RETRY_WAIT_MIN": "1",
        "TF_HTTP_RETRY_WAIT_MAX": "10",
    }


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values in an environment that no line may show."""
    names = [
        *_SECRETS,
        "TF_HTTP_PASSWORD",
        *(name for name in environment if name.startswith(_REGISTRY_TOKEN)),
    ]
    return tuple(environment[name] for name in names if environment.get(name))
