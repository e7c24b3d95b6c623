locals {
  sse_kms = var.encryption == "kms"

  # The alarm topic is encrypted with a key in either case: CloudWatch cannot publish with the keys that AWS manages.
  needs_key = local.sse_kms || var.alarms_enabled
  own_key   = local.needs_key && var.kms_key_arn == null

  kms_key_arn       = local.own_key ? one(aws_kms_key.this[*].arn) : var.kms_key_arn
  queue_kms_key_arn = local.sse_kms ? local.kms_key_arn : null
}

data "aws_iam_policy_document" "kms" {
  # checkov:skip=CKV_AWS_109: in a key policy "*" is the key that carries it, and the account administers its own keys
  # checkov:skip=CKV_AWS_111: in a key policy "*" is the key that carries it, and the account administers its own keys
  # checkov:skip=CKV_AWS_356: in a key policy "*" is the key that carries it, and the account administers its own keys
  count = local.own_key ? 1 : 0

  statement {
    sid       = "AccountAdministers"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  # Alarms publish to an encrypted topic.
  dynamic "statement" {
    for_each = var.alarms_enabled ? ["publish"] : []

    content {
      sid       = "AlarmsPublish"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["cloudwatch.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account_id]
      }
    }
  }

  # AWS services that send to an encrypted queue use the key themselves.
  dynamic "statement" {
    for_each = local.sse_kms ? local.event_sources : {}

    content {
      sid       = "EventsFrom${title(statement.key)}"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["${statement.key}.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value
      }
    }
  }
}

# Deleting the queue schedules this key's deletion too: what was left in the queue is gone with it.
resource "aws_kms_key" "this" {
  count = local.own_key ? 1 : 0

  description             = "SQS ${local.identifier}: messages, dead letters, alarms"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.kms[0].json

  tags = { Name = local.identifier }
}

resource "aws_kms_alias" "this" {
  count = local.own_key ? 1 : 0

  name          = "alias/sqs/${local.identifier}"
  target_key_id = aws_kms_key.this[0].key_id
}
