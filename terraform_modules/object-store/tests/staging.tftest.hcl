# What an order for staging promises, planned against the sandbox or an account:
#   terraform init && terraform test -filter=tests/staging.tftest.hcl

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = {
      service     = "orders"
      team-owner  = "shop"
      cost-center = "cc-1001"
      environment = "staging"
      criticality = "tier-1"
    }
  }
}

# The preset and the usual size of staging in catalog.yaml.
variables {
  name                              = "orders-main"
  environment                       = "staging"
  versioning_enabled                = true
  noncurrent_version_retention_days = 7
  expire_objects_after_days         = 90
  infrequent_access_after_days      = 0
  archive_after_days                = 0
  encryption                        = "aws:kms"
  request_metrics_enabled           = false
  delete_with_contents              = true
  alarm_size_gb                     = 500
  backup_plan_retention_days        = 0
  dashboard_enabled                 = false
}

run "is_what_staging_needs" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Staging keeps versions as production does."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.block_public_policy && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    error_message = "Nothing in the bucket may be public."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) <= 6
    error_message = "More than six alarms: people stop reading them."
  }
}
