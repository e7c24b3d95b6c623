locals {
  uses_kms    = var.encryption == "aws:kms"
  makes_key   = local.uses_kms && var.kms_key_arn == null
  kms_key_arn = local.makes_key ? one(aws_kms_key.this[*].arn) : var.kms_key_arn
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    # Keys that the caller brings make objects that nobody else can read or audit.
    blocked_encryption_types = ["SSE-C"]
    # One request to KMS for many objects instead of one for each.
    bucket_key_enabled = local.uses_kms

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.encryption
      kms_master_key_id = local.kms_key_arn
    }
  }
}

data "aws_iam_policy_document" "kms" {
  count = local.makes_key ? 1 : 0

  # S3 uses the key on behalf of callers whose IAM policies allow it; it needs no statement of its own.
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
  statement {
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

# Without this key, no object can be read again. Its deletion can be cancelled for 30 days.
resource "aws_kms_key" "this" {
  count = local.makes_key ? 1 : 0

  description             = "Object store ${local.bucket}: objects, alarms"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.kms[0].json

  tags = { Name = local.identifier }
}

resource "aws_kms_alias" "this" {
  count = local.makes_key ? 1 : 0

  name          = "alias/s3/${local.identifier}"
  target_key_id = aws_kms_key.this[0].key_id
}
