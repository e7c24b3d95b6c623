locals {
  service_id = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this.name}"
}

# The schedule moves the bounds twice a day, and what Terraform sees then is no drift. An ordered change of the bounds
# replaces the target instead; no task stops for it.
resource "terraform_data" "bounds" {
  input = { min = var.min_tasks, max = var.max_tasks, office_hours_only = var.office_hours_only }
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = local.service_id
  min_capacity       = var.min_tasks
  max_capacity       = var.max_tasks

  tags = { Name = local.identifier }

  lifecycle {
    ignore_changes       = [min_capacity, max_capacity]
    replace_triggered_by = [terraform_data.bounds]
  }
}

resource "aws_appautoscaling_policy" "this" {
  for_each = var.max_tasks > var.min_tasks ? {
    cpu      = { metric = "ECSServiceAverageCPUUtilization", target = var.target_cpu_percent, label = null }
    requests = { metric = "ALBRequestCountPerTarget", target = var.target_requests_per_minute, label = "${aws_lb.this.arn_suffix}/${aws_lb_target_group.this.arn_suffix}" }
  } : {}

  name               = "${local.identifier}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.target
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
      resource_label         = each.value.label
    }
  }

  # AWS drops the policies of a target with it.
  lifecycle {
    replace_triggered_by = [aws_appautoscaling_target.this]
  }

  # The label is only valid while a listener sends the target group its requests.
  depends_on = [aws_lb_listener.https]
}

resource "aws_appautoscaling_scheduled_action" "office" {
  for_each = var.office_hours_only ? {
    start = { hour = var.office_start_hour, min = var.min_tasks, max = var.max_tasks }
    stop  = { hour = var.office_end_hour, min = 0, max = 0 }
  } : {}

  name               = "${local.identifier}-office-${each.key}"
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = aws_appautoscaling_target.this.resource_id
  schedule           = "cron(0 ${each.value.hour} ? * MON-FRI *)"
  timezone           = var.time_zone

  scalable_target_action {
    min_capacity = each.value.min
    max_capacity = each.value.max
  }
  lifecycle {
    replace_triggered_by = [aws_appautoscaling_target.this]
  }
}
