locals {
  # Title → metric, statistic.
  graphs = {
    "1. CPU, in percent"          = ["CPUUtilization", "Average"]
    "2. Connections"              = ["DatabaseConnections", "Maximum"]
    "3. Free storage, in bytes"   = ["FreeStorageSpace", "Minimum"]
    "4. Free memory, in bytes"    = ["FreeableMemory", "Minimum"]
    "5. Read latency, in seconds" = ["ReadLatency", "Average"]
    "6. Load, in active sessions" = ["DBLoad", "Average"]
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
          title  = title
          region = local.region
          view   = "timeSeries"
          period = 300
          metrics = [
            for identifier in values(local.instance_identifiers) :
            ["AWS/RDS", local.graphs[title][0], "DBInstanceIdentifier", identifier, { stat = local.graphs[title][1] }]
          ]
        }
      }
    ]
  })
}
