# With office hours the group may fall to zero, where no CPU is measured and nothing would bring it back. Scaling then only
# adds machines, and the evening ends them.
resource "aws_autoscaling_policy" "cpu" {
  count = var.max_instances > var.min_instances ? 1 : 0

  name                   = "${local.identifier}-cpu"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value     = var.target_cpu_percent
    disable_scale_in = var.office_hours_only

    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}

resource "aws_autoscaling_schedule" "office" {
  for_each = var.office_hours_only ? {
    start = { hour = var.office_start_hour, desired = var.min_instances }
    stop  = { hour = var.office_end_hour, desired = 0 }
  } : {}

  scheduled_action_name  = "${local.identifier}-office-${each.key}"
  autoscaling_group_name = aws_autoscaling_group.this.name
  recurrence             = "0 ${each.value.hour} * * MON-FRI"
  time_zone              = var.time_zone
  desired_capacity       = each.value.desired
  min_size               = -1
  max_size               = -1
}
