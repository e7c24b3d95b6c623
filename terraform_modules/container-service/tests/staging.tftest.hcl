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
  name                = "orders-main"
  environment         = "staging"
  image               = "123456789012.dkr.ecr.us-east-1.amazonaws.com/orders:1.4.2"
  min_tasks           = 1
  max_tasks           = 3
  spot_percent        = 100
  office_hours_only   = true
  read_only_root      = true
  execute_command     = false
  deletion_protection = false
  container_insights  = false
  log_retention_days  = 30
  dashboard_enabled   = false
  cpu_units           = 256
  memory_mib          = 1024
}

run "is_what_staging_needs" {
  command = plan

  assert {
    condition     = length(aws_appautoscaling_policy.this) == 2 && length(aws_ecs_service.this.capacity_provider_strategy) == 2
    error_message = "Staging scales, on spare capacity."
  }

  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && startswith(aws_lb_listener.https.ssl_policy, "ELBSecurityPolicy-TLS13-1-2")
    error_message = "Clients must use TLS 1.2 or 1.3."
  }

  assert {
    condition     = !aws_ecs_service.this.network_configuration[0].assign_public_ip && aws_lb.this.internal
    error_message = "Tasks have no public address, and the service is internal unless asked for."
  }

  assert {
    condition     = aws_ecs_service.this.propagate_tags == "SERVICE"
    error_message = "The tasks must carry the owner's tags."
  }

  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].rollback
    error_message = "A failed deployment must be taken back."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) + length([aws_cloudwatch_metric_alarm.errors]) + length(aws_cloudwatch_metric_alarm.missing) <= 6
    error_message = "More than six alarms: people stop reading them."
  }

  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation
    error_message = "The key must be rotated every year."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.https.cidr_ipv4 == data.aws_vpc.this.cidr_block
    error_message = "Only the VPC may reach a service that is not public."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log must end at its retention."
  }

  assert {
    condition     = length(aws_ecs_task_definition.this.volume) == 1 && !aws_ecs_service.this.enable_execute_command
    error_message = "Staging is read-only as production is, so that what cannot be written is found here."
  }

  assert {
    condition     = length(aws_appautoscaling_scheduled_action.office) == 2 && aws_appautoscaling_scheduled_action.office["stop"].scalable_target_action[0].max_capacity == "0"
    error_message = "No task may run outside office hours."
  }
}

run "refuses_an_alarm_below_what_scaling_aims_at" {
  command = plan

  variables {
    target_cpu_percent = 85
  }

  expect_failures = [var.alarm_cpu_percent]
}
