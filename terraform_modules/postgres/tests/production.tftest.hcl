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
  name                       = "orders-main"
  environment                = "production"
  multi_az                   = true
  backup_retention_days      = 14
  deletion_protection        = true
  final_snapshot             = true
  apply_immediately          = false
  proxy_enabled              = true
  monitoring_interval_s      = 60
  log_retention_days         = 90
  log_min_duration_ms        = 1000
  office_hours_only          = false
  backup_plan_retention_days = 35
  dashboard_enabled          = true
  instance_class             = "db.r6g.large"
  allocated_storage_gb       = 100
  max_allocated_storage_gb   = 500
}

run "is_what_production_needs" {
  command = plan

  assert {
    condition     = aws_db_instance.this.multi_az && length(aws_db_proxy.this) == 1
    error_message = "Production has a standby and pooling."
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
    error_message = "Production is protected from deletion, and leaves a snapshot."
  }

  assert {
    condition     = aws_db_instance.this.backup_retention_period >= 7
    error_message = "What was broken on a Friday must be restorable a week later."
  }

  assert {
    condition     = length(aws_backup_selection.this) == 1 && length(aws_scheduler_schedule.office) == 0
    error_message = "Production is copied to a vault of its own, and never stopped."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.postgresql : group.retention_in_days == 90])
    error_message = "Logs are kept for 90 days."
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

run "refuses_a_storage_limit_too_near" {
  command = plan

  variables {
    max_allocated_storage_gb = 21
    allocated_storage_gb     = 20
  }

  expect_failures = [var.max_allocated_storage_gb]
}
