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
  name                    = "orders-main"
  environment             = "staging"
  replica_count           = 1
  multi_az                = false
  snapshot_retention_days = 1
  final_snapshot          = false
  apply_immediately       = true
  log_retention_days      = 30
  dashboard_enabled       = false
  node_type               = "cache.t4g.small"
}

run "is_what_staging_needs" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.num_cache_clusters == 2 && aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "Staging shows whether clients survive a failover."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_mode == "required" && aws_elasticache_replication_group.this.at_rest_encryption_enabled == "true"
    error_message = "TLS and encryption at rest must be on."
  }

  assert {
    condition     = aws_elasticache_user.this.authentication_mode[0].type == "iam"
    error_message = "There must be no password."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) <= 6
    error_message = "More than six alarms: people stop reading them."
  }

  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation
    error_message = "The key must be rotated every year."
  }
}
