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
  name                    = "orders-main"
  environment             = "development"
  replica_count           = 0
  multi_az                = false
  snapshot_retention_days = 0
  final_snapshot          = false
  apply_immediately       = true
  log_retention_days      = 7
  dashboard_enabled       = false
  node_type               = "cache.t4g.micro"
}

run "is_what_development_needs" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.num_cache_clusters == 1 && startswith(aws_elasticache_replication_group.this.node_type, "cache.t4g.")
    error_message = "A developer's cache is one burstable node."
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
