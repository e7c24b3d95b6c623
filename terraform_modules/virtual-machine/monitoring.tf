resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338: how long logs are kept is a parameter: a year of a development environment's logs is paid for and read by nobody
  name              = "/drawbridge/vm/${local.identifier}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn

  tags = { Name = local.identifier }
}

locals {
  agent_parameter = "/drawbridge/vm/${local.identifier}/cloudwatch-agent"

  # EC2 sees neither memory nor disks; the agent does. Summed up by group, because a machine's name says nothing.
  agent_configuration = jsonencode(merge(
    {
      agent = { metrics_collection_interval = 60 }
      metrics = {
        namespace              = "CWAgent"
        append_dimensions      = { AutoScalingGroupName = "$${aws:AutoScalingGroupName}" }
        aggregation_dimensions = [["AutoScalingGroupName"]]
        metrics_collected = {
          mem  = { measurement = ["mem_used_percent"] }
          disk = { measurement = ["used_percent"], resources = ["/"], drop_device = true }
        }
      }
    },
    # The agent refuses an empty list. A stream's name takes no asterisk.
    { for section in length(var.log_files) > 0 ? ["logs"] : [] : section => {
      logs_collected = {
        files = {
          collect_list = [
            for path in var.log_files : {
              file_path       = path
              log_group_name  = aws_cloudwatch_log_group.this.name
              log_stream_name = "{instance_id}${replace(path, "*", "-")}"
            }
          ]
        }
      }
    } },
  ))
}

resource "aws_ssm_parameter" "agent" {
  # checkov:skip=CKV2_AWS_34: the agent's settings are no secret, and every machine reads them
  name           = local.agent_parameter
  description    = "Configuration of the CloudWatch agent of ${local.identifier}"
  type           = "String"
  insecure_value = local.agent_configuration

  tags = { Name = local.identifier }
}
