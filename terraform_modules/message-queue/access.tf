locals {
  # Service → the ARNs of that service that may send: the third part of an ARN is sns, events or s3.
  event_sources = {
    for service in distinct([for arn in var.event_source_arns : split(":", arn)[2]]) :
    service => [for arn in var.event_source_arns : arn if split(":", arn)[2] == service]
  }

  queue_arns = { queue = local.queue_arn, dead-letter = local.dead_letter_arn }
}

data "aws_iam_policy_document" "queue" {
  for_each = local.queue_arns

  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "queue" ? local.event_sources : {}

    content {
      sid       = "EventsFrom${title(statement.key)}"
      actions   = ["sqs:SendMessage"]
      resources = [each.value]

      principals {
        type        = "Service"
        identifiers = ["${statement.key}.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value
      }

      # A bucket's ARN names no account: another account could take the name of a deleted bucket.
      dynamic "condition" {
        for_each = statement.key == "s3" ? [local.account_id] : []

        content {
          test     = "StringEquals"
          variable = "aws:SourceAccount"
          values   = [condition.value]
        }
      }
    }
  }
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.url
  policy    = data.aws_iam_policy_document.queue["queue"].json
}

resource "aws_sqs_queue_policy" "dead_letter" {
  queue_url = aws_sqs_queue.dead_letter.url
  policy    = data.aws_iam_policy_document.queue["dead-letter"].json
}

# For the roles of the services that use the queue; attaching them is those services' business.
data "aws_iam_policy_document" "consumer" {
  statement {
    sid = "ReceiveAndDelete"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:ReceiveMessage",
    ]
    resources = [local.queue_arn]
  }

  dynamic "statement" {
    for_each = local.sse_kms ? ["decrypt"] : []

    content {
      sid       = "DecryptMessages"
      actions   = ["kms:Decrypt"]
      resources = [local.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["sqs.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

data "aws_iam_policy_document" "producer" {
  statement {
    sid       = "Send"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
    resources = [local.queue_arn]
  }

  # SQS asks for kms:Decrypt too: it verifies the data key before it uses it.
  dynamic "statement" {
    for_each = local.sse_kms ? ["encrypt"] : []

    content {
      sid       = "EncryptMessages"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["sqs.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

# For people on call: look at dead letters, and move them back once the consumer is mended.
data "aws_iam_policy_document" "redrive" {
  statement {
    sid = "ReadAndMoveDeadLetters"
    actions = [
      "sqs:CancelMessageMoveTask",
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:ListMessageMoveTasks",
      "sqs:ReceiveMessage",
      "sqs:StartMessageMoveTask",
    ]
    resources = [local.dead_letter_arn]
  }

  statement {
    sid       = "PutBack"
    actions   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
    resources = [local.queue_arn]
  }

  dynamic "statement" {
    for_each = local.sse_kms ? ["key"] : []

    content {
      sid       = "DecryptAndEncryptMessages"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [local.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["sqs.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}
