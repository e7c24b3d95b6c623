"""A golden path of the benchmark's own: queues in the sandbox, as many as are ordered."""

import shutil
from pathlib import Path

SLUG = "bench-queues"
QUEUES = 10
_FILES = {
    "catalog.yaml": f"""\
schema: drawbridge/v1
name: Queues to measure with
summary: As many small queues as are ordered. It exists in the benchmark alone.
category: messaging
owner: benchmark
lifecycle: published
maturity: experimental
version: 1.0.0
changelog:
  - {{version: 1.0.0, notes: First version.}}
region: us-east-1
name_variable: name
environment_variable: environment
derived: [name, environment]
parameters:
  queues: {{label: Queues, group: Size, help: How many there are to be., example: {QUEUES}}}
""",
    "README.md": "# Queues to measure with\n\nAs many small queues as are ordered. It exists in the benchmark alone.\n",
    "versions.tf": """\
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}
""",
    "variables.tf": f"""\
variable "name" {{
  description = "Name of the order."
  type        = string
}}

variable "environment" {{
  description = "Slug of the environment."
  type        = string
}}

variable "queues" {{
  description = "How many queues there are to be."
  type        = number
  default     = {QUEUES}

  validation {{
    condition     = var.queues >= 1 && var.queues <= 1000
    error_message = "Order 1 to 1,000 queues."
  }}
}}
""",
    "main.tf": """\
resource "aws_sqs_queue" "this" {
  count = var.queues

  name                      = "${var.name}-${var.environment}-${count.index}"
  message_retention_seconds = 345600
  sqs_managed_sse_enabled   = true
}
""",
    "outputs.tf": """\
output "queue_arns" {
  description = "ARNs of the queues."
  value       = aws_sqs_queue.this[*].arn
}
""",
}


def write_modules(folder: Path, shipped: Path) -> None:
    """Write the benchmark's module below `folder`, and beside it the shipped Postgres."""
    (folder / SLUG).mkdir(parents=True)
    for name, text in _FILES.items():
        (folder / SLUG / name).write_text(text)
    shutil.copytree(shipped / "postgres", folder / "postgres")
