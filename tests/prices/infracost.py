#!/usr/bin/env python3
"""Stands in for infracost: the same arguments, output of the same shape. The file `mode` beside it says how it acts."""

import json
import os
import pathlib
import sys
import time

HERE = pathlib.Path(sys.argv[0]).parent
mode = (HERE / "mode").read_text()
if sys.argv[1:] == ["--version"]:
    sys.stdout.write("Infracost v0.10.39\n")
    sys.exit()
path = sys.argv[sys.argv.index("--path") + 1]
plan = json.loads(pathlib.Path(path).read_text())
(HERE / "seen.json").write_text(
    json.dumps(
        {
            "argv": sys.argv[1:],
            "environment": dict(os.environ),
            "mode": os.stat(path).st_mode & 0o777,
            "plan": plan,
        }
    )
)
if mode == "fails":
    sys.exit("Error: invalid API key")
if mode == "hangs":
    time.sleep(600)
if mode == "floods":
    while True:
        sys.stdout.write("x" * 65536)
resources, total = [], 0
for change in plan["resource_changes"]:
    if change["type"] != "aws_db_instance":
        continue
    resources.append(
        {
            "name": change["address"],
            "resourceType": change["type"],
            "metadata": {},
            "hourlyCost": "0.1",
            "monthlyCost": "73",
            "costComponents": [
                {
                    "name": "Database instance (on-demand, Single-AZ)",
                    "unit": "hours",
                    "hourlyQuantity": "1",
                    "monthlyQuantity": "730",
                    "price": "0.1",
                    "hourlyCost": "0.1",
                    "monthlyCost": "73",
                    "priceNotFound": False,
                },
                {
                    "name": "Additional backup storage",
                    "unit": "GB",
                    "hourlyQuantity": None,
                    "monthlyQuantity": None,
                    "price": "0.095",
                    "hourlyCost": None,
                    "monthlyCost": None,
                    "priceNotFound": False,
                },
            ],
        }
    )
    total += 73
kinds = {}
for change in plan["resource_changes"]:
    if change["type"] == "aws_kms_key":
        kinds[change["type"]] = kinds.get(change["type"], 0) + 1
json.dump(
    {
        "version": "0.2",
        "metadata": {"infracostCommand": "breakdown"},
        "currency": "EUR" if mode == "euro" else "USD",
        "projects": [
            {
                "name": path,
                "metadata": {"path": path, "type": "terraform_plan_json"},
                "pastBreakdown": {"resources": [], "totalHourlyCost": "0", "totalMonthlyCost": "0"},
                "breakdown": {
                    "resources": resources,
                    "totalHourlyCost": "0.1",
                    "totalMonthlyCost": str(total),
                },
                "diff": None,
                "summary": {"unsupportedResourceCounts": kinds},
            }
        ],
        "totalMonthlyCost": str(total),
        "summary": {"unsupportedResourceCounts": kinds},
    },
    sys.stdout,
)
