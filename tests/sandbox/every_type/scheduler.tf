resource "aws_scheduler_schedule" "this" {
  name                = "${var.name}-stop"
  schedule_expression = "cron(0 19 ? * MON-FRI *)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:aws:scheduler:::aws-sdk:rds:stopDBInstance"
    role_arn = aws_iam_role.this.arn
    input    = jsonencode({ DbInstanceIdentifier = aws_db_instance.this.identifier })

    retry_policy {
      maximum_retry_attempts = 2
    }
  }
}
