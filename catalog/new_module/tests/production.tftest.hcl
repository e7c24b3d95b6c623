# What an order for production promises: `terraform init && terraform test`, against the provider that is configured.

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = { environment = "production" }
  }
}

variables {
  name                     = "orders-main"
  environment              = "production"
  key_deletion_window_days = 30
}

run "promises" {
  command = plan

  assert {
    condition     = aws_sns_topic.this.name == "orders-main-production"
    error_message = "The topic must be called <name>-<environment>."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key must be rotated, and kept for 30 days after a destroy."
  }
}

run "alarms" {
  command = plan

  assert {
    condition     = aws_cloudwatch_metric_alarm.failed_deliveries.threshold == 0
    error_message = "One failed delivery must raise the alarm."
  }
}

run "refuses_a_window_that_kms_does_not_have" {
  command = plan

  variables {
    key_deletion_window_days = 31
  }

  expect_failures = [var.key_deletion_window_days]
}
