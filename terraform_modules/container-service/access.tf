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
  statement {
    sid       = "SignInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "PullImages"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = ["arn:${local.partition}:ecr:*:*:repository/*"]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  dynamic "statement" {
    for_each = length(var.secret_arns) > 0 ? ["secrets"] : []

    content {
      sid       = "ReadSecrets"
      actions   = ["secretsmanager:GetSecretValue", "ssm:GetParameters"]
      resources = distinct(values(var.secret_arns))
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

# For the role of the pipeline that rolls out anew; a new image is an order, so that the state knows it.
data "aws_iam_policy_document" "deploy" {
  statement {
    sid       = "RollOutThisService"
    actions   = ["ecs:DescribeServices", "ecs:UpdateService"]
    resources = [aws_ecs_service.this.id]
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
