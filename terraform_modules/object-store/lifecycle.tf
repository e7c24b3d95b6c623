locals {
  transitions = [
    for transition in [
      { days = var.infrequent_access_after_days, storage_class = "STANDARD_IA" },
      { days = var.archive_after_days, storage_class = "GLACIER_IR" },
    ] : transition if transition.days > 0
  ]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  # Parts of an upload that nobody completed are invisible in listings and paid like objects.
  rule {
    id     = "abort-incomplete-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = var.abort_incomplete_uploads_after_days
    }
  }

  # Also without versioning: a bucket that once had it still holds former versions.
  rule {
    id     = "expire-former-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_version_retention_days
    }

    # The marker of a deletion goes with the last version that it hid.
    expiration {
      expired_object_delete_marker = true
    }
  }

  dynamic "rule" {
    for_each = var.expire_objects_after_days > 0 ? [var.expire_objects_after_days] : []

    content {
      id     = "expire-objects"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  # S3 leaves objects under 128 KB where they are: moving them would cost more than it saves.
  dynamic "rule" {
    for_each = length(local.transitions) > 0 ? [local.transitions] : []

    content {
      id     = "move-to-cheaper-storage"
      status = "Enabled"

      filter {}

      dynamic "transition" {
        for_each = rule.value

        content {
          days          = transition.value.days
          storage_class = transition.value.storage_class
        }
      }
    }
  }

  # Rules over former versions need the versioning to be settled.
  depends_on = [aws_s3_bucket_versioning.this]
}
