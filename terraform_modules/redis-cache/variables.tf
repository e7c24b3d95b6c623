# What the cache is called

variable "name" {
  description = "Name of the cache, unique in its environment. With the environment it makes the AWS identifier."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name))
    error_message = "The name must be lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen."
  }

  validation {
    condition     = length(var.name) >= 3 && length(var.name) <= 27
    error_message = "The name must have 3 to 27 characters, because ElastiCache takes 40 for name and environment together."
  }
}

variable "environment" {
  description = "Slug of the environment the cache belongs to, such as production."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.environment))
    error_message = "The environment must be lower-case letters, digits and single hyphens, starting with a letter."
  }

  validation {
    condition     = length(var.environment) >= 2 && length(var.environment) <= 12
    error_message = "The environment must have 2 to 12 characters, so that every derived AWS name stays within its limit."
  }
}

# Engine and size

variable "engine_version" {
  description = "Version of Valkey, with its minor version. Patches are kept current by AWS; minor and major versions are not."
  type        = string
  default     = "8.0"
  nullable    = false

  validation {
    condition     = contains(["7.2", "8.0", "8.1"], var.engine_version)
    error_message = "The engine version must be one of 7.2, 8.0 and 8.1."
  }
}

variable "node_type" {
  description = "ElastiCache node type. Graviton only: burstable t4g, general purpose m7g, memory optimized r7g."
  type        = string
  default     = "cache.t4g.small"
  nullable    = false

  validation {
    condition     = can(regex("^cache\\.(t4g\\.(micro|small|medium)|[mr]7g\\.(large|(2|4|8)?xlarge))$", var.node_type))
    error_message = "The node type must be a Graviton type such as cache.t4g.small, cache.m7g.large or cache.r7g.xlarge."
  }
}

variable "eviction_policy" {
  description = "What Valkey does when memory is full: which keys it evicts, or noeviction to refuse writes."
  type        = string
  default     = "volatile-lru"
  nullable    = false

  validation {
    condition     = contains(["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "noeviction"], var.eviction_policy)
    error_message = "The eviction policy must be one of allkeys-lru, allkeys-lfu, allkeys-random, volatile-lru, volatile-lfu, volatile-random, volatile-ttl and noeviction."
  }
}

variable "reserved_memory_percent" {
  description = "Part of the memory that is kept free of data, for snapshots, replication and fragmentation."
  type        = number
  default     = 25
  nullable    = false

  validation {
    condition     = var.reserved_memory_percent >= 10 && var.reserved_memory_percent <= 50 && floor(var.reserved_memory_percent) == var.reserved_memory_percent
    error_message = "The reserved memory must be a whole number of 10 to 50 percent."
  }
}

variable "keyspace_events" {
  description = "Which changes of keys Valkey publishes, in the letters of notify-keyspace-events. Empty publishes none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[KEg$lshzxedtmnA]*$", var.keyspace_events))
    error_message = "The events must be letters of notify-keyspace-events, such as Ex for expired keys, or empty."
  }

  validation {
    condition     = var.keyspace_events == "" || can(regex("[KE]", var.keyspace_events))
    error_message = "Without K (keyspace) or E (keyevent) nothing is published. Add one of them, such as Ex for expired keys, or leave the events empty."
  }
}

# Availability and backups

variable "replica_count" {
  description = "Number of replicas of the primary, each a node of the same type. One of them takes over when the primary fails."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.replica_count >= 0 && var.replica_count <= 5 && floor(var.replica_count) == var.replica_count
    error_message = "The number of replicas must be a whole number, 0 to 5."
  }
}

variable "multi_az" {
  description = "Spreads primary and replicas over availability zones, so that the loss of one leaves a node to take over."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.multi_az || var.replica_count > 0
    error_message = "Several zones need a second node: set replica_count to at least 1, or turn multi_az off."
  }
}

variable "snapshot_retention_days" {
  description = "How many days of daily snapshots are kept. 0 takes none."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.snapshot_retention_days >= 0 && var.snapshot_retention_days <= 35 && floor(var.snapshot_retention_days) == var.snapshot_retention_days
    error_message = "The retention must be a whole number of 0 to 35 days."
  }
}

variable "snapshot_window" {
  description = "Daily window of the snapshot, in UTC. Must not overlap the maintenance window."
  type        = string
  default     = "02:00-03:00"
  nullable    = false

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$", var.snapshot_window))
    error_message = "The snapshot window must look like 02:00-03:00 (UTC)."
  }
}

variable "maintenance_window" {
  description = "Weekly window for patches and for changes that wait, in UTC. Must not overlap the snapshot window."
  type        = string
  default     = "sun:04:00-sun:05:00"
  nullable    = false

  validation {
    condition     = can(regex("^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_window))
    error_message = "The maintenance window must look like sun:04:00-sun:05:00 (UTC)."
  }
}

variable "restore_snapshot_name" {
  description = "Snapshot that the cache is filled with when it is made. Later changes do nothing. Null makes it empty."
  type        = string
  default     = null

  validation {
    condition     = var.restore_snapshot_name == null || can(regex("^[a-zA-Z0-9.:-]{1,255}$", var.restore_snapshot_name))
    error_message = "The snapshot must be a name such as automatic.orders-production-2026-01-31-02-00, or null."
  }
}

variable "final_snapshot" {
  description = "Takes a snapshot before the cache is deleted. It stays until somebody deletes it."
  type        = bool
  default     = true
  nullable    = false
}

variable "apply_immediately" {
  description = "Applies changes at once instead of in the next maintenance window. A change of the node type fails over; without a replica it is an outage of minutes."
  type        = bool
  default     = false
  nullable    = false
}

# Network

variable "vpc_id" {
  description = "VPC to build in. Null takes the default VPC of the account and region."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_id == null || can(regex("^vpc-[0-9a-z]+$", var.vpc_id))
    error_message = "The VPC must be an id such as vpc-0a1b2c3d4e5f67890, or null for the default VPC."
  }
}

variable "subnet_ids" {
  description = "Subnets of the nodes, in at least two availability zones for multi_az. An empty list takes the VPC's subnets with the tag Tier=private."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.subnet_ids) <= 20
    error_message = "A subnet group must have at most 20 subnets."
  }
}

variable "allowed_security_group_ids" {
  description = "Security groups whose members may connect, usually those of the service that uses the cache."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.allowed_security_group_ids) <= 20
    error_message = "At most 20 security groups may be given."
  }

  validation {
    condition     = alltrue([for id in var.allowed_security_group_ids : can(regex("^sg-[0-9a-z]+$", id))])
    error_message = "Each security group must be an id such as sg-0a1b2c3d4e5f67890."
  }
}

variable "allow_vpc_cidr" {
  description = "Lets every address of the VPC connect. Turn it off once allowed_security_group_ids names the clients."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.allow_vpc_cidr || length(var.allowed_security_group_ids) > 0
    error_message = "Nobody could connect. Name the clients in allowed_security_group_ids, or set allow_vpc_cidr to true."
  }
}

# Access and encryption

variable "access" {
  description = "What the user may do: read-write for everything but administration and dangerous commands, read-only for reads."
  type        = string
  default     = "read-write"
  nullable    = false

  validation {
    condition     = contains(["read-write", "read-only"], var.access)
    error_message = "The access must be read-write or read-only."
  }
}

variable "kms_key_arn" {
  description = "Existing KMS key for data, snapshots, logs and alarms topic. Null makes a key that belongs to this cache alone."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$", var.kms_key_arn))
    error_message = "The KMS key must be a key ARN such as arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab, or null."
  }
}

# Observability

variable "log_retention_days" {
  description = "How many days slow log and engine log are kept in CloudWatch Logs."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "CloudWatch Logs takes one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 and 731 days."
  }
}

variable "slow_command_us" {
  description = "Commands that take at least this long go to the slow log, in microseconds. -1 logs none."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.slow_command_us >= -1 && var.slow_command_us <= 60000000 && floor(var.slow_command_us) == var.slow_command_us
    error_message = "The limit must be a whole number of -1 to 60000000 microseconds."
  }
}

variable "dashboard_enabled" {
  description = "Makes a CloudWatch dashboard with CPU, memory, hit rate, evictions, connections and latency."
  type        = bool
  default     = false
  nullable    = false
}

variable "alarm_action_arns" {
  description = "Further targets of the alarms, such as the topic of an on-call service. The cache's own topic always gets them."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.alarm_action_arns) <= 4
    error_message = "At most 4 further alarm targets may be given: CloudWatch takes 5 actions per alarm."
  }

  validation {
    condition     = alltrue([for arn in var.alarm_action_arns : can(regex("^arn:aws[a-z-]*:", arn))])
    error_message = "Each alarm target must be an ARN."
  }
}

variable "alarm_engine_cpu_percent" {
  description = "Use of the engine thread above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.alarm_engine_cpu_percent >= 1 && var.alarm_engine_cpu_percent <= 100
    error_message = "The threshold must be 1 to 100 percent."
  }
}

variable "alarm_memory_percent" {
  description = "Memory used by data above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.alarm_memory_percent >= 1 && var.alarm_memory_percent <= 100
    error_message = "The threshold must be 1 to 100 percent."
  }
}

variable "alarm_evictions" {
  description = "Evicted keys in 5 minutes above which the alarm goes off, three times in a row."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.alarm_evictions >= 0 && var.alarm_evictions <= 1000000000 && floor(var.alarm_evictions) == var.alarm_evictions
    error_message = "The threshold must be a whole number of 0 to 1000000000 keys."
  }
}

variable "alarm_connections" {
  description = "Connections to one node above which the alarm goes off, over 15 minutes."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.alarm_connections >= 1 && var.alarm_connections <= 65000 && floor(var.alarm_connections) == var.alarm_connections
    error_message = "The threshold must be a whole number of 1 to 65000 connections."
  }
}

variable "alarm_replication_lag_s" {
  description = "Lag of a replica above which the alarm goes off, in seconds over 15 minutes. Needs a replica."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.alarm_replication_lag_s >= 0.1 && var.alarm_replication_lag_s <= 3600
    error_message = "The threshold must be 0.1 to 3600 seconds."
  }
}
