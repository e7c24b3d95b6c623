locals {
  lb_dimensions  = ["LoadBalancer", aws_lb.this.arn_suffix, "TargetGroup", aws_lb_target_group.this.arn_suffix]
  ecs_dimensions = ["ClusterName", local.identifier, "ServiceName", local.identifier]

  # Title → the metrics it shows, each with its dimensions and statistic.
  graphs = {
    "1. Requests"                  = [["AWS/ApplicationELB", "RequestCount", local.lb_dimensions, "Sum"]]
    "2. Failed requests (5xx)"     = [["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", local.lb_dimensions, "Sum"]]
    "3. Response time, in seconds" = [["AWS/ApplicationELB", "TargetResponseTime", local.lb_dimensions, "p50"], ["AWS/ApplicationELB", "TargetResponseTime", local.lb_dimensions, "p99"]]
    "4. Healthy tasks"             = [["AWS/ApplicationELB", "HealthyHostCount", local.lb_dimensions, "Minimum"]]
    "5. CPU, in percent"           = [["AWS/ECS", "CPUUtilization", local.ecs_dimensions, "Average"]]
    "6. Memory, in percent"        = [["AWS/ECS", "MemoryUtilization", local.ecs_dimensions, "Maximum"]]
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard_enabled ? 1 : 0

  dashboard_name = local.identifier
  dashboard_body = jsonencode({
    widgets = [
      for index, title in keys(local.graphs) : {
        type   = "metric"
        x      = 12 * (index % 2)
        y      = 6 * floor(index / 2)
        width  = 12
        height = 6
        properties = {
          title   = title
          region  = local.region
          view    = "timeSeries"
          period  = 300
          metrics = [for metric in local.graphs[title] : concat([metric[0], metric[1]], metric[2], [{ stat = metric[3] }])]
        }
      }
    ]
  })
}
