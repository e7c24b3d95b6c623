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
  name                  = "orders-main"
  environment           = "production"
  min_instances         = 2
  max_instances         = 4
  office_hours_only     = false
  backup_retention_days = 14
  detailed_monitoring   = true
  log_retention_days    = 90
  dashboard_enabled     = true
  instance_type         = "m7g.large"
  volume_gb             = 40
}

run "is_what_production_needs" {
  command = plan

  assert {
    condition     = aws_autoscaling_group.this.min_size >= 2 && length(aws_autoscaling_schedule.office) == 0
    error_message = "Production is two machines at all hours."
  }

  assert {
    condition     = length(aws_autoscaling_policy.cpu) == 1
    error_message = "Production grows with its load."
  }

  assert {
    condition     = one(one(aws_backup_plan.this[0].rule).lifecycle).delete_after == 14
    error_message = "Backups are kept for 14 days."
  }

  assert {
    condition     = aws_launch_template.this.metadata_options[0].http_tokens == "required"
    error_message = "Metadata must need a session token."
  }

  assert {
    condition     = alltrue([for m in aws_launch_template.this.block_device_mappings : m.ebs[0].encrypted == "true" && m.ebs[0].volume_type == "gp3"])
    error_message = "Volumes must be encrypted gp3."
  }

  assert {
    condition     = aws_launch_template.this.network_interfaces[0].associate_public_ip_address == "false"
    error_message = "There must be no public address, whatever the subnet says."
  }

  assert {
    condition     = aws_launch_template.this.key_name == null
    error_message = "There must be no SSH key."
  }

  assert {
    condition     = contains([for t in aws_autoscaling_group.this.tag : t.key if t.propagate_at_launch], "cost-center")
    error_message = "The machines must carry the owner's tags."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) + 1 <= 6
    error_message = "More than six alarms: people stop reading them."
  }

  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation
    error_message = "The key must be rotated every year."
  }
}

run "refuses_fewer_at_most_than_at_least" {
  command = plan

  variables {
    min_instances = 3
    max_instances = 2
  }

  expect_failures = [var.max_instances]
}

run "refuses_a_night_without_machines" {
  command = plan

  variables {
    office_hours_only = true
  }

  expect_failures = [var.office_hours_only]
}

run "refuses_a_single_subnet" {
  command = plan

  variables {
    subnet_ids = ["subnet-0a1b2c3d4e5f67890"]
  }

  expect_failures = [aws_autoscaling_group.this]
}
