locals {
  # Title → metric and statistic; each graph has a line for each node.
  graphs = {
    "1. Engine CPU, in percent"            = ["EngineCPUUtilization", "Maximum"]
    "2. Memory used, in percent"           = ["DatabaseMemoryUsagePercentage", "Maximum"]
    "3. Hit rate, in percent"              = ["CacheHitRate", "Average"]
    "4. Evicted keys"                      = ["Evictions", "Sum"]
    "5. Connections"                       = ["CurrConnections", "Maximum"]
    "6. Latency of reads, in microseconds" = ["SuccessfulReadRequestLatency", "p99"]
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
          metrics = [for node in local.node_names : ["AWS/ElastiCache", local.graphs[title][0], "CacheClusterId", node, { stat = local.graphs[title][1] }]]
        }
      }
    ]
  })
}
