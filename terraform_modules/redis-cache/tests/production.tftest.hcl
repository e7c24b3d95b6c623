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
  name                    = "orders-main"
  environment             = "production"
  replica_count           = 1
  multi_az                = true
  snapshot_retention_days = 7
  final_snapshot          = true
  apply_immediately       = false
  log_retention_days      = 90
  dashboard_enabled       = true
  node_type               = "cache.r7g.large"
}

run "is_what_production_needs" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.multi_az_enabled && aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "Production survives the loss of a zone."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.snapshot_retention_limit >= 1
    error_message = "Production has snapshots."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 5
    error_message = "Production is alarmed on its replicas, too."
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

run "refuses_several_zones_for_one_node" {
  command = plan

  variables {
    replica_count = 0
    multi_az      = true
  }

  expect_failures = [var.multi_az]
}
