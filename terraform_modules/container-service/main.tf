data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  # At most 19 + 1 + 12 = 32 characters, which is what a load balancer's name may have.
  identifier = "${var.name}-${var.environment}"
  container  = "app"

  # Fargate Spot may end a task at two minutes' notice, so the first one is never on it. A provider of weight 0 places
  # no tasks, so the first one's provider keeps a weight of 1.
  capacity = var.spot_percent == 0 ? { FARGATE = { base = 0, weight = 100 } } : {
    FARGATE      = { base = 1, weight = max(1, 100 - var.spot_percent) }
    FARGATE_SPOT = { base = 0, weight = var.spot_percent }
  }

  # A read-only container has one place to write to, which is empty whenever a task starts.
  scratch = var.read_only_root ? ["tmp"] : []
}

resource "aws_ecs_cluster" "this" {
  name = local.identifier

  setting {
    name  = "containerInsights"
    value = var.container_insights ? "enabled" : "disabled"
  }

  configuration {
    execute_command_configuration {
      kms_key_id = local.kms_key_arn
      logging    = "OVERRIDE"

      log_configuration {
        cloud_watch_encryption_enabled = true
        cloud_watch_log_group_name     = aws_cloudwatch_log_group.this.name
      }
    }
  }

  tags = { Name = local.identifier }

  # Container Insights makes its log group itself where there is none: without retention, key or tags.
  depends_on = [aws_cloudwatch_log_group.insights]
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.identifier
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = tostring(var.cpu_units)
  memory                   = tostring(var.memory_mib)
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    cpu_architecture        = var.cpu_architecture
    operating_system_family = "LINUX"
  }

  dynamic "volume" {
    for_each = local.scratch

    content {
      name = volume.value
    }
  }

  container_definitions = jsonencode([{
    name                   = local.container
    image                  = var.image
    essential              = true
    readonlyRootFilesystem = var.read_only_root
    mountPoints            = [for name in local.scratch : { sourceVolume = name, containerPath = "/${name}", readOnly = false }]
    portMappings           = [{ containerPort = var.container_port, hostPort = var.container_port, protocol = "tcp" }]
    environment            = [for name, value in var.environment_variables : { name = name, value = value }]
    secrets                = [for name, arn in var.secret_arns : { name = name, valueFrom = arn }]
    linuxParameters        = { initProcessEnabled = true }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this.name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = local.container
        mode                    = "non-blocking"
      }
    }
  }])

  tags = { Name = local.identifier }

  # A running task keeps its definition; a roll back needs the former one.
  skip_destroy = true
}

resource "aws_ecs_service" "this" {
  name            = local.identifier
  cluster         = aws_ecs_cluster.this.arn
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = var.min_tasks

  dynamic "capacity_provider_strategy" {
    for_each = local.capacity

    content {
      capacity_provider = capacity_provider_strategy.key
      base              = capacity_provider_strategy.value.base
      weight            = capacity_provider_strategy.value.weight
    }
  }

  network_configuration {
    subnets          = local.private_subnet_ids
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this.arn
    container_name   = local.container
    container_port   = var.container_port
  }

  # New tasks must be well before old ones go; a deployment that fails is taken back by itself.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = var.health_check_grace_s
  availability_zone_rebalancing      = "ENABLED"

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # The provider takes another share of Fargate Spot in place only with this; it has no effect on a service that stays.
  force_new_deployment = true

  enable_execute_command = var.execute_command

  # default_tags stop at the service: these carry its tags on to the tasks and their network interfaces.
  propagate_tags          = "SERVICE"
  enable_ecs_managed_tags = true

  tags = { Name = local.identifier }

  lifecycle {
    # Scaling and the office hours own the number of tasks once the service exists.
    ignore_changes = [desired_count]
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_iam_role_policy.execution,
    aws_lb_listener.https,
  ]
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338: how long logs are kept is a parameter: a year of a development environment's logs is paid for and read by nobody
  name              = "/drawbridge/service/${local.identifier}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn

  tags = { Name = local.identifier }
}

resource "aws_cloudwatch_log_group" "insights" {
  # checkov:skip=CKV_AWS_338: how long logs are kept is a parameter: a year of a development environment's logs is paid for and read by nobody

  count = var.container_insights ? 1 : 0

  name              = "/aws/ecs/containerinsights/${local.identifier}/performance"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn

  tags = { Name = "${local.identifier}-insights" }
}
