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
      criticality = "tier-2"
    }
  }
}

# The preset and the usual size of staging in catalog.yaml.
variables {
  name        = "orders-main"
  environment = "staging"

  node_type               = "cache.t4g.small"
  replica_count           = 1
  multi_az                = false
  snapshot_retention_days = 1
  final_snapshot          = false
  apply_immediately       = true
  log_retention_days      = 30
  dashboard_enabled       = false
}

run "fails_over_as_production_does" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.node_type == "cache.t4g.small" && aws_elasticache_replication_group.this.num_cache_clusters == 2 && aws_elasticache_replication_group.this.automatic_failover_enabled && !aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "Staging has a replica that takes over, in no particular zone."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.snapshot_retention_limit == 1 && aws_elasticache_replication_group.this.apply_immediately
    error_message = "One snapshot is free, and changes show at once."
  }

  assert {
    condition = alltrue([
      aws_elasticache_replication_group.this.transit_encryption_enabled,
      aws_elasticache_replication_group.this.transit_encryption_mode == "required",
      tobool(aws_elasticache_replication_group.this.at_rest_encryption_enabled),
      one(aws_kms_key.this[*].enable_key_rotation),
    ])
    error_message = "Data must be encrypted on the wire and at rest, with a key of its own."
  }

  assert {
    condition     = one(aws_elasticache_user.this.authentication_mode[*].type) == "iam" && aws_elasticache_user.this.user_id == aws_elasticache_user.this.user_name
    error_message = "The user must sign in with IAM, which wants its id and name to be the same."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 30])
    error_message = "Logs are kept for a month."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 5 && contains(keys(aws_cloudwatch_metric_alarm.this), "replication-lag")
    error_message = "A replica adds one alarm on its lag, and the number of nodes adds none."
  }
}

run "refuses_a_cache_that_nobody_reaches" {
  command = plan

  variables {
    allow_vpc_cidr = false
  }

  expect_failures = [var.allow_vpc_cidr]
}

run "refuses_windows_that_overlap" {
  command = plan

  variables {
    snapshot_window = "04:30-05:30"
  }

  expect_failures = [aws_elasticache_replication_group.this]
}
