# What an order for staging promises, planned against the sandbox or an account:
#   terraform init && terraform test -filter=tests/staging.tftest.hcl

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = {
      service     = "orders"
      team-owner  = "shop"
      cost-center = "cc-1001"
      environment = "staging"
      criticality = "tier-1"
    }
  }
}

# The preset and the usual size of staging in catalog.yaml.
variables {
  name                       = "orders-main"
  environment                = "staging"
  encryption                 = "kms"
  alarms_enabled             = true
  alarm_oldest_message_age_s = 3600
  dashboard_enabled          = false
  message_retention_days     = 4
  dead_letter_retention_days = 14
  max_receive_count          = 5
}

run "is_what_staging_needs" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) > 0 && length(aws_cloudwatch_dashboard.this) == 0
    error_message = "Staging has the alarms of production and no dashboard."
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
