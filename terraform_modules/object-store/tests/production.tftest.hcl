# What an order for production promises, planned against the sandbox or an account:
#   terraform init && terraform test -filter=tests/production.tftest.hcl

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = {
      service     = "orders"
      team-owner  = "shop"
      cost-center = "cc-1001"
      environment = "production"
      criticality = "tier-1"
    }
  }
}

# The preset and the usual size of production in catalog.yaml.
variables {
  name                              = "orders-main"
  environment                       = "production"
  versioning_enabled                = true
  noncurrent_version_retention_days = 30
  expire_objects_after_days         = 0
  infrequent_access_after_days      = 90
  archive_after_days                = 365
  encryption                        = "aws:kms"
  request_metrics_enabled           = true
  delete_with_contents              = false
  alarm_size_gb                     = 5000
  backup_plan_retention_days        = 35
  dashboard_enabled                 = true
}

run "is_what_production_needs" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled" && !aws_s3_bucket.this.force_destroy
    error_message = "Production keeps former versions and is not deleted with its contents."
  }

  assert {
    condition     = length(aws_backup_selection.this) == 1
    error_message = "Production is copied to a vault of its own."
  }

  assert {
    condition     = length(aws_s3_bucket_metric.this) == 1
    error_message = "Production has request metrics to alarm on."
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

run "refuses_to_archive_before_infrequent_access" {
  command = plan

  variables {
    infrequent_access_after_days = 90
    archive_after_days           = 60
  }

  expect_failures = [var.archive_after_days]
}
