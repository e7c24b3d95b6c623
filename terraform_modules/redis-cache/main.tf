data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.region

  # At most 27 + 1 + 12 = 40 characters, which is what a replication group and a user may have.
  identifier = "${var.name}-${var.environment}"
  port       = 6379
  family     = "valkey${split(".", var.engine_version)[0]}"
  node_count = 1 + var.replica_count

  # ElastiCache numbers the nodes by itself; their metrics carry these names. The provider's member_clusters says them
  # too, but only after the apply, when it is too late for a plan to show the alarms.
  node_names = [for number in range(1, local.node_count + 1) : format("%s-%03d", local.identifier, number)]

  # Minutes of the day at which snapshot and maintenance begin, and how long they last; both may cross midnight.
  clocks        = regexall("([0-9]{2}):([0-9]{2})", "${var.snapshot_window} ${var.maintenance_window}")
  minutes       = [for clock in local.clocks : 60 * tonumber(clock[0]) + tonumber(clock[1])]
  lengths       = [for i in [0, 2] : (local.minutes[i + 1] - local.minutes[i] + 1440) % 1440]
  apart         = [for pair in [[0, 2], [2, 0]] : (local.minutes[pair[1]] - local.minutes[pair[0]] + 1440) % 1440]
  windows_apart = min(local.lengths...) >= 60 && alltrue([for i in [0, 1] : local.apart[i] >= local.lengths[i]])
}

resource "aws_elasticache_replication_group" "this" {
  # checkov:skip=CKV2_AWS_50: both follow the parameters replica_count and multi_az: a cache for development is one node
  replication_group_id = local.identifier
  description          = "Cache ${var.name} in ${var.environment}"

  engine         = "valkey"
  engine_version = var.engine_version
  # Patches come all the same. A minor version that AWS raised would be a downgrade here, which replaces the cache.
  auto_minor_version_upgrade = false
  node_type                  = var.node_type
  num_cache_clusters         = local.node_count
  parameter_group_name       = aws_elasticache_parameter_group.this.name
  port                       = local.port

  automatic_failover_enabled = var.replica_count > 0
  multi_az_enabled           = var.multi_az

  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [aws_security_group.cache.id]

  at_rest_encryption_enabled = true
  kms_key_id                 = local.kms_key_arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  user_group_ids             = [aws_elasticache_user_group.this.user_group_id]

  snapshot_name             = var.restore_snapshot_name
  snapshot_retention_limit  = var.snapshot_retention_days
  snapshot_window           = var.snapshot_window
  maintenance_window        = var.maintenance_window
  apply_immediately         = var.apply_immediately
  final_snapshot_identifier = var.final_snapshot ? "${local.identifier}-final-${substr(terraform_data.generation.id, 0, 8)}" : null

  dynamic "log_delivery_configuration" {
    for_each = aws_cloudwatch_log_group.this

    content {
      log_type         = log_delivery_configuration.key
      log_format       = "json"
      destination_type = "cloudwatch-logs"
      destination      = log_delivery_configuration.value.name
    }
  }

  tags = { Name = local.identifier }

  lifecycle {
    # Counts when the cache is made. A later change of it would replace the cache with what the snapshot held.
    ignore_changes = [snapshot_name]

    precondition {
      condition     = local.windows_apart
      error_message = "The snapshot window ${var.snapshot_window} and the maintenance window ${var.maintenance_window} must each last an hour or more and not overlap, because a node does not take a snapshot while it is patched. Move one of them."
    }

    precondition {
      condition     = !var.multi_az || length(local.subnet_ids) >= 2
      error_message = "Nodes in several zones need subnets in at least two, but ${length(local.subnet_ids)} was found in ${data.aws_vpc.this.id}. Tag the VPC's private subnets with Tier=private, give subnet_ids, or turn multi_az off."
    }
  }
}

# A cache that takes this one's place must not find its final snapshot's name taken, so whatever replaces the cache
# gives the name a new ending.
resource "terraform_data" "generation" {
  triggers_replace = [
    local.kms_key_arn,
    aws_elasticache_subnet_group.this.id,
    aws_security_group.cache.id,
    var.engine_version,
  ]
}

# What happens when memory is full is the one setting that every user of a cache has to know.
resource "aws_elasticache_parameter_group" "this" {
  name        = "${local.identifier}-${local.family}"
  family      = local.family
  description = "Parameters of ${local.identifier}"

  parameter {
    name  = "maxmemory-policy"
    value = var.eviction_policy
  }

  # Left free for snapshots, replication and fragmentation; a node that has nothing left swaps.
  parameter {
    name  = "reserved-memory-percent"
    value = tostring(var.reserved_memory_percent)
  }

  parameter {
    name  = "slowlog-log-slower-than"
    value = tostring(var.slow_command_us)
  }

  # Not set to nothing: that is ElastiCache's own default, which it does not report as a setting of ours.
  dynamic "parameter" {
    for_each = var.keyspace_events == "" ? [] : [var.keyspace_events]

    content {
      name  = "notify-keyspace-events"
      value = parameter.value
    }
  }

  tags = { Name = local.identifier }

  # A new major version needs the new group before the old one can go.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_338: how long logs are kept is a parameter: a year of a development environment's logs is paid for and read by nobody
  for_each = toset(["engine-log", "slow-log"])

  name              = "/aws/elasticache/${local.identifier}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn

  tags = { Name = "${local.identifier}-${each.key}" }
}
