"""Terraform by itself: the same root module, variables, provider and binary as a run, with a local state."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings

from provisioner.domain.run import RunStatus
from provisioner.engine import discovery, environment, module_interface, providers, root_module
from provisioner.engine.terraform import configured_engine
from provisioner.models import Run
from provisioner.services import runspec
from provisioner.services.lease import Claim

STEPS = (
    ("init", ("init", "-input=false", "-no-color")),
    ("plan", ("plan", "-input=false", "-no-color", "-out=plan.bin")),
    ("show", ("show", "-json", "plan.bin")),
    ("apply", ("apply", "-input=false", "-no-color", "plan.bin")),
)


@dataclass(frozen=True)
class Bare:
    """What a bare Terraform needs: its argv prefix, its environment, the module and the variables of a run."""

    prefix: tuple[str, ...]
    label: str
    environment: dict[str, str]
    module: Path
    run: Run

    @classmethod
    def like(cls, run_id: str) -> "Bare":
        """Set up what the workers use for this run."""
        engine = configured_engine()
        cli_config = providers.write_cli_config(engine.config)
        variables = environment.base_environment(engine.config, cli_config, os.environ)
        binary = discovery.find(engine.config.terraform, variables)
        run = Run.objects.select_related("item_version__item", "workspace").get(pk=run_id)
        module = settings.DRAWBRIDGE_MODULES_DIR / run.item_version.item.slug
        return cls(binary.prefix, binary.label, variables, module, run)

    def times_s(self, folder: Path, name: str) -> dict[str, float]:
        """Lay out `folder` for an order called `name` and return the seconds that each command took."""
        self._lay_out(folder, name)
        return {step: self._time_s(folder, arguments) for step, arguments in STEPS}

    def _lay_out(self, folder: Path, name: str) -> None:
        shutil.copytree(self.module, folder / "module")
        interface = module_interface.read(folder / "module")
        spec = runspec.spec_of(self.run, Claim(self.run.pk, fencing_token=0, status=RunStatus.PLANNING))
        spec = replace(spec, variables={**spec.variables, "name": name})
        document = json.loads(root_module.root_module(interface, list(spec.variables)))
        del document["terraform"]["backend"]
        (folder / "main.tf.json").write_text(json.dumps(document))
        (folder / "terraform.tfvars.json").write_text(root_module.variable_values(interface, spec))

    def _time_s(self, folder: Path, arguments: tuple[str, ...]) -> float:
        began = time.perf_counter()
        subprocess.run(
            [*self.prefix, *arguments], cwd=folder, env=self.environment, check=True, capture_output=True
        )
        return time.perf_counter() - began
