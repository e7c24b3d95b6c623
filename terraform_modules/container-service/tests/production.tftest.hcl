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
  name                = "orders-main"
  environment         = "production"
  image               = "123456789012.dkr.ecr.us-east-1.amazonaws.com/orders:1.4.2"
  min_tasks           = 2
  max_tasks           = 6
  spot_percent        = 0
  office_hours_only   = false
  read_only_root      = true
  execute_command     = false
  deletion_protection = true
  container_insights  = true
  log_retention_days  = 90
  dashboard_enabled   = true
  cpu_units           = 512
  memory_mib          = 1024
}

run "is_what_production_needs" {
  command = plan

  assert {
    condition     = aws_ecs_service.this.desired_count >= 2 && length(aws_appautoscaling_scheduled_action.office) == 0
    error_message = "Production is two tasks at all hours."
  }

  assert {
    condition     = aws_lb.this.enable_deletion_protection && !aws_ecs_service.this.enable_execute_command
    error_message = "Production is protected, and nobody works in its containers."
  }

  assert {
    condition     = length(aws_ecs_service.this.capacity_provider_strategy) == 1
    error_message = "Production runs on demand only."
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
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 90
    error_message = "The log must end at its retention."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.missing) == 1 && length(aws_cloudwatch_log_group.insights) == 1
    error_message = "Production is told of tasks that are missing, from Container Insights in a log group of its own."
  }
}

run "refuses_memory_that_fargate_does_not_take" {
  command = plan

  variables {
    cpu_units  = 1024
    memory_mib = 1024
  }

  expect_failures = [var.memory_mib]
}

run "opens_443_alone_to_the_internet" {
  command = plan

  variables {
    public = true
  }

  assert {
    condition     = !aws_lb.this.internal && aws_lb.this.drop_invalid_header_fields
    error_message = "A public service is reached from the internet, without malformed headers."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.https.cidr_ipv4 == "0.0.0.0/0" && aws_vpc_security_group_ingress_rule.https.from_port == 443 && aws_vpc_security_group_ingress_rule.https.to_port == 443
    error_message = "Only port 443 is open to the internet."
  }
}

run "refuses_spot_and_office_hours" {
  command = plan

  variables {
    spot_percent      = 50
    office_hours_only = true
  }

  expect_failures = [var.spot_percent, var.office_hours_only]
}
