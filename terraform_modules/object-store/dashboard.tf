locals {
  # Title → metric, statistic and further dimensions.
  graphs = {
    "1. Stored in S3 Standard, in bytes" = ["BucketSizeBytes", "Average", "StorageType", "StandardStorage"]
    "2. Objects"                         = ["NumberOfObjects", "Average", "StorageType", "AllStorageTypes"]
    "3. Requests"                        = ["AllRequests", "Sum", "FilterId", local.metrics_filter]
    "4. Refused requests (4xx)"          = ["4xxErrors", "Sum", "FilterId", local.metrics_filter]
    "5. Failed requests (5xx)"           = ["5xxErrors", "Sum", "FilterId", local.metrics_filter]
    "6. First byte, in milliseconds"     = ["FirstByteLatency", "p99", "FilterId", local.metrics_filter]
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
          period = local.graphs[title][2] == "StorageType" ? 86400 : 300
          metrics = [
            ["AWS/S3", local.graphs[title][0], "BucketName", local.bucket, local.graphs[title][2], local.graphs[title][3], { stat = local.graphs[title][1] }]
          ]
        }
      }
    ]
  })
}
