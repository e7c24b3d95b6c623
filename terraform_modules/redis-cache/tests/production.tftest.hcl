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
  name        = "orders-main"
  environment = "production"

  node_type               = "cache.r7g.large"
  replica_count           = 1
  multi_az                = true
  snapshot_retention_days = 7
  final_snapshot          = true
  apply_immediately       = false
  log_retention_days      = 90
  dashboard_enabled       = true
}

run "survives_a_node_and_a_zone" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.node_type == "cache.r7g.large" && aws_elasticache_replication_group.this.num_cache_clusters == 2 && aws_elasticache_replication_group.this.automatic_failover_enabled && aws_elasticache_replication_group.this.multi_az_enabled
    error_message = "Production has a replica in another zone that takes over."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.snapshot_retention_limit == 7 && !aws_elasticache_replication_group.this.apply_immediately
    error_message = "Snapshots are kept for a week, and changes wait for the window."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.auto_minor_version_upgrade == "false"
    error_message = "A version that AWS raised would make the next plan replace the cache."
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
    condition     = length(aws_elasticache_replication_group.this.log_delivery_configuration) == 2 && alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 90])
    error_message = "Slow log and engine log are kept for three months."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 5 && length(aws_cloudwatch_dashboard.this) == 1
    error_message = "There are five alarms and a dashboard."
  }
}

run "takes_a_full_set_of_replicas_with_the_same_number_of_alarms" {
  command = plan

  variables {
    replica_count = 5
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 5 && alltrue([for alarm in aws_cloudwatch_metric_alarm.this : length(alarm.metric_query) == 7])
    error_message = "Each alarm watches six nodes; their number does not multiply the alarms."
  }
}

run "refuses_several_zones_in_one_subnet" {
  command = plan

  variables {
    subnet_ids = ["subnet-0a1b2c3d4e5f67890"]
  }

  expect_failures = [aws_elasticache_replication_group.this]
}

run "refuses_windows_that_meet_across_midnight" {
  command = plan

  variables {
    snapshot_window    = "23:30-01:00"
    maintenance_window = "sun:00:30-sun:01:30"
  }

  expect_failures = [aws_elasticache_replication_group.this]
}
