data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# Recovery points are made by AWS Backup, where the provider's default tags do not reach.
data "aws_default_tags" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  # At most 36 + 1 + 12 = 49 characters.
  identifier = "${var.name}-${var.environment}"

  # Bucket names are unique in all of AWS: the account keeps two companies with the same idea apart. At most 62 characters.
  bucket     = "${local.identifier}-${local.account_id}"
  bucket_arn = "arn:${local.partition}:s3:::${local.bucket}"
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_144: a copy in a second region doubles the price; versions and the lifecycle guard against mistakes
  # checkov:skip=CKV2_AWS_62: nobody has asked to be told of objects; whoever does adds a target
  bucket        = local.bucket
  force_destroy = var.delete_with_contents

  tags = { Name = local.bucket }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Turns access control lists off: policies alone decide.
resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  # Suspended rather than Disabled: AWS has no way back from Enabled to Disabled.
  versioning_configuration {
    status = var.versioning_enabled ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_logging" "this" {
  count = var.access_log_bucket == null ? 0 : 1

  bucket        = aws_s3_bucket.this.id
  target_bucket = var.access_log_bucket
  target_prefix = "${local.bucket}/"
}
