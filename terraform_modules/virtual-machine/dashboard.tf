locals {
  # Title → namespace, metric and statistic.
  graphs = {
    "1. CPU, in percent"                  = ["AWS/EC2", "CPUUtilization", "Average"]
    "2. Memory, in percent"               = ["CWAgent", "mem_used_percent", "Maximum"]
    "3. Root volume, in percent"          = ["CWAgent", "disk_used_percent", "Maximum"]
    "4. Machines in service"              = ["AWS/AutoScaling", "GroupInServiceInstances", "Average"]
    "5. Network out, in bytes"            = ["AWS/EC2", "NetworkOut", "Sum"]
    "6. Failed status checks, by machine" = ["AWS/EC2", "StatusCheckFailed", "Maximum"]
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
          metrics = [[local.graphs[title][0], local.graphs[title][1], "AutoScalingGroupName", local.identifier, { stat = local.graphs[title][2] }]]
        }
      }
    ]
  })
}
