data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# Recovery points are made by AWS Backup, where the provider's default tags do not reach.
data "aws_default_tags" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  # At most 40 + 1 + 12 = 53 characters; the longest suffix, "-monitoring", keeps it within 64.
  identifier      = "${var.name}-${var.environment}"
  port            = 5432
  master_username = "dbadmin"

  # for_each keys must be known while planning, so they never come from resources.
  replica_identifiers = {
    for number in range(1, var.replica_count + 1) : "replica-${number}" => "${local.identifier}-replica-${number}"
  }
  instance_identifiers = merge({ primary = local.identifier }, local.replica_identifiers)
}

resource "aws_db_instance" "this" {
  identifier = local.identifier

  engine                      = "postgres"
  engine_version              = var.engine_version
  engine_lifecycle_support    = "open-source-rds-extended-support-disabled" # no surprise surcharge for an old version
  allow_major_version_upgrade = var.allow_major_version_upgrade
  auto_minor_version_upgrade  = true
  instance_class              = var.instance_class
  parameter_group_name        = aws_db_parameter_group.this.name

  db_name                       = var.database_name
  username                      = local.master_username
  manage_master_user_password   = true # RDS makes, stores and rotates the password: it is never in the state
  master_user_secret_kms_key_id = local.kms_key_arn

  storage_type          = "gp3"
  allocated_storage     = var.allocated_storage_gb
  max_allocated_storage = var.max_allocated_storage_gb
  storage_encrypted     = true
  kms_key_id            = local.kms_key_arn

  multi_az                            = var.multi_az
  db_subnet_group_name                = aws_db_subnet_group.this.name
  vpc_security_group_ids              = [aws_security_group.database.id]
  publicly_accessible                 = false
  port                                = local.port
  iam_database_authentication_enabled = var.iam_authentication_enabled

  backup_retention_period  = var.backup_retention_days
  backup_window            = var.backup_window
  maintenance_window       = var.maintenance_window
  apply_immediately        = var.apply_immediately
  copy_tags_to_snapshot    = true
  deletion_protection      = var.deletion_protection
  delete_automated_backups = !var.final_snapshot
  skip_final_snapshot      = !var.final_snapshot
  # Unique for the life of the instance: a second one of the same name must not collide with the first one's snapshot.
  final_snapshot_identifier = var.final_snapshot ? local.final_snapshot_identifier : null

  database_insights_mode                = var.database_insights_mode
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = local.kms_key_arn
  performance_insights_retention_period = var.performance_insights_retention_days
  monitoring_interval                   = var.monitoring_interval_s
  monitoring_role_arn                   = one(aws_iam_role.monitoring[*].arn)
  enabled_cloudwatch_logs_exports       = local.exported_logs

  tags = { Name = local.identifier }

  # RDS makes missing log groups itself: without retention, without encryption, and then Terraform cannot.
  depends_on = [aws_cloudwatch_log_group.postgresql, aws_iam_role_policy_attachment.monitoring]
}

locals {
  final_snapshot_identifier = "${local.identifier}-final-${substr(terraform_data.generation.id, 0, 8)}"
}

# A database that takes this one's place must not find its final snapshot's name taken, so whatever replaces the instance
# gives the name a new ending.
resource "terraform_data" "generation" {
  triggers_replace = [local.kms_key_arn, var.database_name]
}

# A replica takes storage, encryption, user and subnet group from its source.
resource "aws_db_instance" "replica" {
  # checkov:skip=CKV_AWS_157: a replica is the spare itself: the primary is what spans two zones
  # checkov:skip=CKV_AWS_293: it holds nothing that its source does not, and the source is protected
  for_each = local.replica_identifiers

  identifier          = each.value
  replicate_source_db = aws_db_instance.this.identifier

  auto_minor_version_upgrade = true
  instance_class             = var.instance_class
  parameter_group_name       = aws_db_parameter_group.this.name
  storage_type               = "gp3"
  max_allocated_storage      = var.max_allocated_storage_gb
  storage_encrypted          = true

  vpc_security_group_ids              = [aws_security_group.database.id]
  publicly_accessible                 = false
  port                                = local.port
  iam_database_authentication_enabled = var.iam_authentication_enabled

  maintenance_window    = var.maintenance_window
  apply_immediately     = var.apply_immediately
  copy_tags_to_snapshot = true
  # It holds nothing that its source does not: removing one is a matter of cost, not of data.
  deletion_protection = false
  skip_final_snapshot = true

  database_insights_mode                = var.database_insights_mode
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = local.kms_key_arn
  performance_insights_retention_period = var.performance_insights_retention_days
  monitoring_interval                   = var.monitoring_interval_s
  monitoring_role_arn                   = one(aws_iam_role.monitoring[*].arn)
  enabled_cloudwatch_logs_exports       = local.exported_logs

  tags = { Name = each.value }

  depends_on = [aws_cloudwatch_log_group.postgresql, aws_iam_role_policy_attachment.monitoring]
}

# The connection limit decides who gets in, rds.force_ssl that nobody gets in without TLS.
resource "aws_db_parameter_group" "this" {
  name_prefix = "${local.identifier}-pg${var.engine_version}-"
  family      = "postgres${var.engine_version}"
  description = "Parameters of ${local.identifier}"

  parameter {
    name         = "max_connections"
    value        = var.max_connections == null ? "LEAST({DBInstanceClassMemory/9531392},5000)" : tostring(var.max_connections)
    apply_method = "pending-reboot"
  }

  # pending-reboot is also what AWS reports for values that equal its own default: another method would differ for ever.
  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "pending-reboot"
  }

  parameter {
    name         = "shared_preload_libraries"
    value        = "pg_stat_statements"
    apply_method = "pending-reboot"
  }

  parameter {
    name         = "log_min_duration_statement"
    value        = tostring(var.log_min_duration_ms)
    apply_method = "immediate"
  }

  tags = { Name = local.identifier }

  # A major upgrade needs the new group before the old one can go.
  lifecycle {
    create_before_destroy = true
  }
}
