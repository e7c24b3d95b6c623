# What an order for production promises, planned against the sandbox or an account:
#   terraform init && terraform test -filter=tests/production.tftest.hcl

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = {
      service     = "orders"
      team-owner  = "shop"
      cost-center = "cc-1001"
      environment = "production"
      criticality = "tier-1"
    }
  }
}

# The preset and the usual size of production in catalog.yaml.
variables {
  name                       = "orders-main"
  environment                = "production"
  encryption                 = "kms"
  alarms_enabled             = true
  alarm_oldest_message_age_s = 600
  dashboard_enabled          = true
  message_retention_days     = 7
  dead_letter_retention_days = 14
  max_receive_count          = 5
}

run "is_what_production_needs" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) > 0 && length(aws_cloudwatch_dashboard.this) == 1
    error_message = "Production has alarms and a dashboard."
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds >= 4 * 24 * 60 * 60
    error_message = "A consumer may be down for a long weekend."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.dead_letter.redrive_allow_policy).redrivePermission == "byQueue"
    error_message = "Only the own queue may send its failures to the dead-letter queue."
  }

  assert {
    condition     = aws_sqs_queue.dead_letter.message_retention_seconds > aws_sqs_queue.this.message_retention_seconds
    error_message = "Failures must be kept longer than messages, or they are lost on their way."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) <= 6
    error_message = "More than six alarms: people stop reading them."
  }
}

run "refuses_deduplication_on_a_standard_queue" {
  command = plan

  variables {
    content_based_deduplication = true
  }

  expect_failures = [var.content_based_deduplication]
}
