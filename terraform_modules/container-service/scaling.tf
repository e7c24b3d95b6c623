locals {
  service_id = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this.name}"
}

resource "aws_appautoscaling_target" "always" {
  count = var.office_hours_only ? 0 : 1

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = local.service_id
  min_capacity       = var.min_tasks
  max_capacity       = var.max_tasks

  tags = { Name = local.identifier }
}

# The schedule moves the bounds twice a day: what Terraform sees then is no drift.
resource "aws_appautoscaling_target" "office" {
  count = var.office_hours_only ? 1 : 0

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = local.service_id
  min_capacity       = var.min_tasks
  max_capacity       = var.max_tasks

  tags = { Name = local.identifier }

  lifecycle {
    ignore_changes = [min_capacity, max_capacity]
  }
}

locals {
  scalable_id = one(concat(aws_appautoscaling_target.always[*].resource_id, aws_appautoscaling_target.office[*].resource_id))
}

resource "aws_appautoscaling_policy" "this" {
  for_each = var.max_tasks > var.min_tasks ? {
    cpu    = { metric = "ECSServiceAverageCPUUtilization", target = var.target_cpu_percent }
    memory = { metric = "ECSServiceAverageMemoryUtilization", target = 80 }
  } : {}

  name               = "${local.identifier}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = local.scalable_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
    }
  }
}

resource "aws_appautoscaling_scheduled_action" "office" {
  for_each = var.office_hours_only ? {
    start = { hour = var.office_start_hour, min = var.min_tasks, max = var.max_tasks }
    stop  = { hour = var.office_end_hour, min = 0, max = 0 }
  } : {}

  name               = "${local.identifier}-office-${each.key}"
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = local.scalable_id
  schedule           = "cron(0 ${each.value.hour} ? * MON-FRI *)"
  timezone           = var.time_zone

  scalable_target_action {
    min_capacity = each.value.min
    max_capacity = each.value.max
  }
}
