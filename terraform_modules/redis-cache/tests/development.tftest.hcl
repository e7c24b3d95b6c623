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
      criticality = "tier-3"
    }
  }
}

# The preset and the usual size of development in catalog.yaml.
variables {
  name        = "orders-main"
  environment = "development"

  node_type               = "cache.t4g.micro"
  replica_count           = 0
  multi_az                = false
  snapshot_retention_days = 0
  final_snapshot          = false
  apply_immediately       = true
  log_retention_days      = 7
  dashboard_enabled       = false
}

run "is_one_cheap_node_behind_every_lock" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.node_type == "cache.t4g.micro" && aws_elasticache_replication_group.this.num_cache_clusters == 1 && !aws_elasticache_replication_group.this.multi_az_enabled && !aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "A developer's cache is one small node without failover."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.snapshot_retention_limit == 0 && aws_elasticache_replication_group.this.final_snapshot_identifier == null
    error_message = "What a developer's cache held can be made again, so no snapshot is paid for."
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
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 7]) && length(aws_cloudwatch_dashboard.this) == 0
    error_message = "Logs are kept for a week, and there is no dashboard."
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset(["connections", "engine-cpu", "evictions", "memory"])
    error_message = "One node has four alarms and no lag to watch."
  }
}

run "refuses_zones_without_a_second_node" {
  command = plan

  variables {
    multi_az = true
  }

  expect_failures = [var.multi_az]
}

run "refuses_events_that_nothing_publishes" {
  command = plan

  variables {
    keyspace_events = "gx"
  }

  expect_failures = [var.keyspace_events]
}
