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
  name                  = "orders-main"
  environment           = "staging"
  min_instances         = 1
  max_instances         = 2
  office_hours_only     = true
  backup_retention_days = 0
  detailed_monitoring   = false
  log_retention_days    = 30
  dashboard_enabled     = false
  instance_type         = "t4g.small"
  volume_gb             = 20
}

run "is_what_staging_needs" {
  command = plan

  assert {
    condition     = length(aws_autoscaling_schedule.office) == 2 && aws_autoscaling_group.this.min_size == 0
    error_message = "Staging runs in office hours."
  }

  assert {
    condition     = aws_autoscaling_policy.cpu[0].target_tracking_configuration[0].disable_scale_in
    error_message = "A group that may fall to zero must not be scaled in by its CPU: it would find no way back."
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

run "refuses_office_hours_that_end_before_they_start" {
  command = plan

  variables {
    office_start_hour = 19
    office_end_hour   = 7
  }

  expect_failures = [var.office_end_hour]
}

run "keeps_ssh_closed" {
  command = plan

  variables {
    app_port = 22
  }

  expect_failures = [var.app_port]
}
