locals {
  object_arns = "${local.bucket_arn}/*"

  # A request without the header gets the bucket's own encryption; one with it must ask for the same.
  refused_headers = var.deny_other_encryption ? merge(
    { OtherEncryption = { variable = "s3:x-amz-server-side-encryption", allowed = var.encryption } },
    local.uses_kms ? {
      OtherKey = { variable = "s3:x-amz-server-side-encryption-aws-kms-key-id", allowed = local.kms_key_arn }
    } : {},
  ) : {}
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket_arn, local.object_arns]

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

  statement {
    sid       = "OnlyOverTls12OrNewer"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket_arn, local.object_arns]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "NumericLessThan"
      variable = "s3:TlsVersion"
      values   = ["1.2"]
    }
  }

  dynamic "statement" {
    for_each = local.refused_headers

    content {
      sid       = "No${statement.key}"
      effect    = "Deny"
      actions   = ["s3:PutObject"]
      resources = [local.object_arns]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = "Null"
        variable = statement.value.variable
        values   = ["false"]
      }

      condition {
        test     = "StringNotEquals"
        variable = statement.value.variable
        values   = [statement.value.allowed]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = data.aws_iam_policy_document.bucket.json

  # S3 refuses two changes of a bucket's access at the same time.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

# For the role of the service that uses the bucket; attaching one of these is that service's business.
data "aws_iam_policy_document" "reader" {
  statement {
    sid       = "ListObjects"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
    resources = [local.bucket_arn]
  }

  statement {
    sid       = "ReadObjects"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = [local.object_arns]
  }

  dynamic "statement" {
    for_each = local.uses_kms ? ["kms"] : []

    content {
      sid       = "DecryptObjects"
      actions   = ["kms:Decrypt"]
      resources = [local.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.${local.dns_suffix}"]
      }

      # With a bucket key the context names the bucket, without one the object.
      condition {
        test     = "StringLike"
        variable = "kms:EncryptionContext:aws:s3:arn"
        values   = [local.bucket_arn, local.object_arns]
      }
    }
  }
}

# Writing includes deleting, though never a former version: what versioning keeps, the service cannot take away.
data "aws_iam_policy_document" "writer" {
  source_policy_documents = [data.aws_iam_policy_document.reader.json]

  statement {
    sid       = "ListUploads"
    actions   = ["s3:ListBucketMultipartUploads"]
    resources = [local.bucket_arn]
  }

  statement {
    sid       = "WriteObjects"
    actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    resources = [local.object_arns]
  }

  dynamic "statement" {
    for_each = local.uses_kms ? ["kms"] : []

    content {
      sid       = "EncryptObjects"
      actions   = ["kms:GenerateDataKey"]
      resources = [local.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.${local.dns_suffix}"]
      }

      condition {
        test     = "StringLike"
        variable = "kms:EncryptionContext:aws:s3:arn"
        values   = [local.bucket_arn, local.object_arns]
      }
    }
  }
}
