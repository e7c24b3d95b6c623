# What an order for development promises, planned against the sandbox or an account:
#   terraform init && terraform test -filter=tests/development.tftest.hcl

provider "aws" {
  region = "us-east-1"

  default_tags {
    tags = {
      service     = "orders"
      team-owner  = "shop"
      cost-center = "cc-1001"
      environment = "development"
      criticality = "tier-1"
    }
  }
}

# The preset and the usual size of development in catalog.yaml.
variables {
  name                       = "orders-main"
  environment                = "development"
  encryption                 = "sqs"
  alarms_enabled             = false
  dashboard_enabled          = false
  message_retention_days     = 1
  dead_letter_retention_days = 4
  max_receive_count          = 3
}

run "is_what_development_needs" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 0
    error_message = "Nobody is paged for a developer's queue."
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
