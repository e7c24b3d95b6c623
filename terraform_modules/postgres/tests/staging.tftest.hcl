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
  name                       = "orders-main"
  environment                = "staging"
  multi_az                   = false
  backup_retention_days      = 3
  deletion_protection        = false
  final_snapshot             = false
  apply_immediately          = true
  proxy_enabled              = true
  monitoring_interval_s      = 60
  log_retention_days         = 30
  log_min_duration_ms        = 500
  office_hours_only          = false
  backup_plan_retention_days = 0
  dashboard_enabled          = false
  instance_class             = "db.t4g.medium"
  allocated_storage_gb       = 50
  max_allocated_storage_gb   = 100
}

run "is_what_staging_needs" {
  command = plan

  assert {
    condition     = !aws_db_instance.this.multi_az && length(aws_db_proxy.this) == 1
    error_message = "Staging is pooled as production is, without its standby."
  }

  assert {
    condition     = aws_db_instance.this.storage_encrypted && !aws_db_instance.this.publicly_accessible
    error_message = "The storage must be encrypted and the instance closed to the internet."
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password
    error_message = "RDS must keep the password, so that no state holds it."
  }

  assert {
    condition     = alltrue([for p in aws_db_parameter_group.this.parameter : p.value == "1" if p.name == "rds.force_ssl"])
    error_message = "Clients must use TLS."
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
