# Each link waits for the one before. A key has no name: made twice, there are two of it. A queue has one: made twice,
# the cloud refuses the second. `Name` is the address's last part, by which the witness knows both.

locals {
  identifier = "${var.name}-${var.environment}"
}

resource "aws_kms_key" "one" {
  count = var.links >= 1 ? 1 : 0

  description             = "${local.identifier}: ${var.note}"
  deletion_window_in_days = 7
  enable_key_rotation     = true

  tags = { Name = "one" }
}

resource "aws_sqs_queue" "two" {
  count = var.links >= 2 ? 1 : 0

  name                    = "${local.identifier}-two"
  sqs_managed_sse_enabled = true

  tags = { Name = "two", Note = var.note }

  depends_on = [aws_kms_key.one]
}

resource "aws_kms_key" "three" {
  count = var.links >= 3 ? 1 : 0

  description             = "${local.identifier}: ${var.note}"
  deletion_window_in_days = 7
  enable_key_rotation     = true

  tags = { Name = "three" }

  depends_on = [aws_sqs_queue.two]
}

resource "aws_sqs_queue" "four" {
  count = var.links >= 4 ? 1 : 0

  name                    = "${local.identifier}-four"
  sqs_managed_sse_enabled = true

  tags = { Name = "four", Note = var.note }

  depends_on = [aws_kms_key.three]
}

resource "aws_kms_key" "five" {
  count = var.links >= 5 ? 1 : 0

  description             = "${local.identifier}: ${var.note}"
  deletion_window_in_days = 7
  enable_key_rotation     = true

  tags = { Name = "five" }

  depends_on = [aws_sqs_queue.four]
}

resource "aws_sqs_queue" "six" {
  count = var.links >= 6 ? 1 : 0

  name                    = "${local.identifier}-six"
  sqs_managed_sse_enabled = true

  tags = { Name = "six", Note = var.note }

  depends_on = [aws_kms_key.five]
}
