locals {
  # Title → the metrics it shows, each as queue, metric and statistic. Two graphs a row.
  graphs = {
    "1. Waiting and in flight" = [
      [local.queue_name, "ApproximateNumberOfMessagesVisible", "Maximum"],
      [local.queue_name, "ApproximateNumberOfMessagesNotVisible", "Maximum"],
    ]
    "2. Age of the oldest message, in seconds" = [
      [local.queue_name, "ApproximateAgeOfOldestMessage", "Maximum"],
    ]
    "3. Sent, received, deleted" = [
      [local.queue_name, "NumberOfMessagesSent", "Sum"],
      [local.queue_name, "NumberOfMessagesReceived", "Sum"],
      [local.queue_name, "NumberOfMessagesDeleted", "Sum"],
    ]
    "4. Dead letters, and paid receives that found nothing" = [
      [local.dead_letter_name, "ApproximateNumberOfMessagesVisible", "Maximum"],
      [local.queue_name, "NumberOfEmptyReceives", "Sum"],
    ]
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
            for metric in local.graphs[title] :
            ["AWS/SQS", metric[1], "QueueName", metric[0], { stat = metric[2] }]
          ]
        }
      }
    ]
  })
}
