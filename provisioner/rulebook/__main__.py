"""Run the checker from the repository: `python -m provisioner.rulebook check plan.json`."""

import sys

from provisioner.rulebook.command import main

sys.exit(main())
