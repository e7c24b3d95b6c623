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
  name                       = "orders-main"
  environment                = "development"
  multi_az                   = false
  backup_retention_days      = 1
  deletion_protection        = false
  final_snapshot             = false
  apply_immediately          = true
  proxy_enabled              = false
  monitoring_interval_s      = 0
  log_retention_days         = 7
  log_min_duration_ms        = 250
  office_hours_only          = true
  backup_plan_retention_days = 0
  dashboard_enabled          = false
  instance_class             = "db.t4g.medium"
  allocated_storage_gb       = 20
  max_allocated_storage_gb   = 50
}

run "is_what_development_needs" {
  command = plan

  assert {
    condition     = !aws_db_instance.this.multi_az && startswith(aws_db_instance.this.instance_class, "db.t4g.")
    error_message = "A developer's database is one burstable instance."
  }

  assert {
    condition     = length(aws_db_proxy.this) == 0
    error_message = "A developer's database needs no pooling."
  }

  assert {
    condition     = length(aws_scheduler_schedule.office) == 2
    error_message = "A developer's database is stopped at night."
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
