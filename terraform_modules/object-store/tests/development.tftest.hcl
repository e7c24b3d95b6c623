# What an order for development promises, planned against the sandbox or an account:
#   terraform init && terraform test -filter=tests/development.tftest.hcl

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = {
      service     = "orders"
      team-owner  = "shop"
      cost-center = "cc-1001"
      environment = "development"
      criticality = "tier-1"
    }
  }
}

# The preset and the usual size of development in catalog.yaml.
variables {
  name                              = "orders-main"
  environment                       = "development"
  versioning_enabled                = false
  noncurrent_version_retention_days = 1
  expire_objects_after_days         = 30
  infrequent_access_after_days      = 0
  archive_after_days                = 0
  encryption                        = "AES256"
  request_metrics_enabled           = false
  delete_with_contents              = true
  alarm_size_gb                     = 50
  backup_plan_retention_days        = 0
  dashboard_enabled                 = false
}

run "is_what_development_needs" {
  command = plan

  assert {
    condition     = aws_s3_bucket.this.force_destroy
    error_message = "A developer's bucket goes with what is in it."
  }

  assert {
    condition     = length(aws_kms_key.this) <= 1
    error_message = "At most one key is paid."
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
