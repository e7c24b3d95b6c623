locals {
  # Account and region of an image in ECR; any other registry needs no permission of AWS.
  registry = try(regex("^(?P<account>[0-9]{12})\\.dkr\\.ecr\\.(?P<region>[a-z0-9-]+)\\.", var.image), null)

  # ECS takes an ARN of Secrets Manager with a JSON key and a version behind it; policies take it without.
  secret_arns = distinct([for arn in values(var.secret_arns) : join(":", slice(split(":", arn), 0, min(7, length(split(":", arn)))))])
  secrets = { for kind, secret in {
    Secrets    = { action = "secretsmanager:GetSecretValue", arns = [for arn in local.secret_arns : arn if split(":", arn)[2] == "secretsmanager"] }
    Parameters = { action = "ssm:GetParameters", arns = [for arn in local.secret_arns : arn if split(":", arn)[2] == "ssm"] }
  } : kind => secret if length(secret.arns) > 0 }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

# What ECS does to start a task: read the image, write the log, read the secrets that are named.
resource "aws_iam_role" "execution" {
  name               = "${local.identifier}-execution"
  description        = "Lets ECS start tasks of ${local.identifier}"
  assume_role_policy = data.aws_iam_policy_document.trust.json

  tags = { Name = "${local.identifier}-execution" }
}

data "aws_iam_policy_document" "execution" {
  # A login to the registry knows no resources.
  dynamic "statement" {
    for_each = local.registry == null ? [] : [local.registry]

    content {
      sid       = "SignInToRegistry"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }

  # All repositories of the image's registry: a deployment that is taken back may need the one before.
  dynamic "statement" {
    for_each = local.registry == null ? [] : [local.registry]

    content {
      sid       = "PullImages"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = ["arn:${local.partition}:ecr:${statement.value.region}:${statement.value.account}:repository/*"]
    }
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  dynamic "statement" {
    for_each = local.secrets

    content {
      sid       = "Read${statement.key}"
      actions   = [statement.value.action]
      resources = statement.value.arns
    }
  }

  # Secrets may have keys of their own; those keys' policies have to allow it too.
  dynamic "statement" {
    for_each = length(var.secret_arns) > 0 ? ["secrets"] : []

    content {
      sid       = "DecryptSecrets"
      actions   = ["kms:Decrypt"]
      resources = ["arn:${local.partition}:kms:${local.region}:${local.account_id}:key/*"]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${local.region}.${local.dns_suffix}", "ssm.${local.region}.${local.dns_suffix}"]
      }
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "start-tasks"
  role   = aws_iam_role.execution.name
  policy = data.aws_iam_policy_document.execution.json
}

# What the application itself may do: nothing, until policies are given.
resource "aws_iam_role" "task" {
  name               = "${local.identifier}-task"
  description        = "What ${local.identifier} may do"
  assume_role_policy = data.aws_iam_policy_document.trust.json

  tags = { Name = "${local.identifier}-task" }
}

resource "aws_iam_role_policy_attachment" "given" {
  for_each = toset(var.policy_arns)

  role       = aws_iam_role.task.name
  policy_arn = each.value
}

data "aws_iam_policy_document" "session" {
  count = var.execute_command ? 1 : 0

  # The channel of a session knows no resources.
  statement {
    sid = "OpenSessions"
    actions = [
      "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "LogSessions"
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  statement {
    sid       = "DecryptSessions"
    actions   = ["kms:Decrypt"]
    resources = [local.kms_key_arn]
  }
}

resource "aws_iam_role_policy" "session" {
  count = var.execute_command ? 1 : 0

  name   = "execute-command"
  role   = aws_iam_role.task.name
  policy = data.aws_iam_policy_document.session[0].json
}

# For the role of a pipeline that rolls out by itself. It passes these two roles and no other, so what it registers can
# do no more than this service.
data "aws_iam_policy_document" "deploy" {
  statement {
    sid       = "RollOutThisService"
    actions   = ["ecs:DescribeServices", "ecs:UpdateService"]
    resources = [aws_ecs_service.this.id]
  }

  # Registering and describing a task definition know no resources.
  statement {
    sid       = "RegisterTaskDefinitions"
    actions   = ["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"]
    resources = ["*"]
  }

  statement {
    sid       = "TagWhatItRegisters"
    actions   = ["ecs:TagResource"]
    resources = ["${aws_ecs_task_definition.this.arn_without_revision}:*"]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RegisterTaskDefinition"]
    }
  }

  statement {
    sid       = "PassItsRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.execution.arn, aws_iam_role.task.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  statement {
    sid       = "WatchItsTasks"
    actions   = ["ecs:DescribeTasks", "ecs:ListTasks"]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }
}
