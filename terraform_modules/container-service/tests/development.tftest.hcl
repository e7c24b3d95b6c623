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
  name                = "orders-main"
  environment         = "development"
  image               = "123456789012.dkr.ecr.us-east-1.amazonaws.com/orders:1.4.2"
  min_tasks           = 1
  max_tasks           = 1
  spot_percent        = 100
  office_hours_only   = true
  read_only_root      = false
  execute_command     = true
  deletion_protection = false
  container_insights  = false
  log_retention_days  = 7
  dashboard_enabled   = false
  cpu_units           = 256
  memory_mib          = 512
}

run "is_what_development_needs" {
  command = plan

  assert {
    condition     = aws_ecs_service.this.desired_count == 1 && length(aws_appautoscaling_scheduled_action.office) == 2
    error_message = "A developer's service is one task in office hours."
  }

  assert {
    condition     = !aws_lb.this.enable_deletion_protection
    error_message = "A developer's service can be destroyed at once."
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
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 7
    error_message = "The log must end at its retention."
  }

  assert {
    condition     = aws_ecs_service.this.enable_execute_command && length(aws_iam_role_policy.session) == 1
    error_message = "A developer can look into the container."
  }
}

run "refuses_a_shell_in_a_read_only_container" {
  command = plan

  variables {
    read_only_root = true
  }

  expect_failures = [var.execute_command]
}

run "refuses_office_hours_that_end_before_they_start" {
  command = plan

  variables {
    office_start_hour = 12
    office_end_hour   = 8
  }

  expect_failures = [var.office_end_hour]
}
