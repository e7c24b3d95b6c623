# What the queue is called

variable "name" {
  description = "Name of the queue, unique in its environment. With the environment it makes the AWS name; .fifo is added by the module."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name))
    error_message = "The name must be lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen. The module adds .fifo itself."
  }

  validation {
    condition     = length(var.name) >= 3 && length(var.name) <= 40
    error_message = "The name must have 3 to 40 characters, so that every derived AWS name stays within its limit."
  }
}

variable "environment" {
  description = "Slug of the environment the queue belongs to, such as production."
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

# Order and duplicates

variable "queue_type" {
  description = "standard delivers at least once and in about the order sent; fifo keeps the order within a message group and drops duplicates. A later change replaces the queue."
  type        = string
  default     = "standard"
  nullable    = false

  validation {
    condition     = contains(["standard", "fifo"], var.queue_type)
    error_message = "The queue type must be standard or fifo."
  }
}

variable "content_based_deduplication" {
  description = "Lets SQS take a message's hash as its deduplication id, so that senders need not give one. FIFO queues only."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.content_based_deduplication || var.queue_type == "fifo"
    error_message = "Only FIFO queues drop duplicates. Set queue_type to fifo, or content_based_deduplication to false."
  }
}

variable "high_throughput" {
  description = "Counts the throughput limit and the duplicates for each message group instead of the whole queue. FIFO queues only."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.high_throughput || var.queue_type == "fifo"
    error_message = "A standard queue has no throughput limit to raise. Set queue_type to fifo, or high_throughput to false."
  }
}

# Delivery and retention

variable "visibility_timeout_s" {
  description = "How long a received message stays hidden from other consumers, in seconds. Longer than the slowest processing; for Lambda, six times the function's timeout."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.visibility_timeout_s >= 1 && var.visibility_timeout_s <= 43200 && floor(var.visibility_timeout_s) == var.visibility_timeout_s
    error_message = "The visibility timeout must be 1 to 43200 whole seconds (12 hours)."
  }
}

variable "max_receive_count" {
  description = "After this many receives without a delete, SQS moves a message to the dead-letter queue."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.max_receive_count >= 1 && var.max_receive_count <= 1000 && floor(var.max_receive_count) == var.max_receive_count
    error_message = "The number of receives must be a whole number, 1 to 1000."
  }

  validation {
    condition     = var.max_receive_count * var.visibility_timeout_s < var.message_retention_days * 86400
    error_message = "Messages would expire before their last attempt and never reach the dead-letter queue. Lower max_receive_count or visibility_timeout_s, or raise message_retention_days."
  }
}

variable "message_retention_days" {
  description = "How many days SQS keeps a message that nobody has processed. Then it is deleted, without a dead letter."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.message_retention_days >= 1 && var.message_retention_days <= 14 && floor(var.message_retention_days) == var.message_retention_days
    error_message = "The retention must be 1 to 14 whole days."
  }
}

variable "dead_letter_retention_days" {
  description = "How many days after it was sent SQS deletes a dead letter. For standard queues the time in the queue itself counts."
  type        = number
  default     = 14
  nullable    = false

  validation {
    condition     = var.dead_letter_retention_days >= 1 && var.dead_letter_retention_days <= 14 && floor(var.dead_letter_retention_days) == var.dead_letter_retention_days
    error_message = "The retention must be 1 to 14 whole days."
  }

  validation {
    condition     = var.dead_letter_retention_days >= var.message_retention_days
    error_message = "A message that failed late would be deleted on its way to the dead-letter queue. Set dead_letter_retention_days to message_retention_days or more."
  }
}

variable "receive_wait_time_s" {
  description = "How long a receive waits for a message before it returns with none, in seconds (long polling). 0 returns at once."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.receive_wait_time_s >= 0 && var.receive_wait_time_s <= 20 && floor(var.receive_wait_time_s) == var.receive_wait_time_s
    error_message = "The wait time must be 0 to 20 whole seconds."
  }
}

variable "delay_s" {
  description = "How long a new message is hidden before its first delivery, in seconds."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.delay_s >= 0 && var.delay_s <= 900 && floor(var.delay_s) == var.delay_s
    error_message = "The delay must be 0 to 900 whole seconds (15 minutes)."
  }
}

variable "max_message_size_kib" {
  description = "Largest message that SQS takes, in KiB."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.max_message_size_kib >= 1 && var.max_message_size_kib <= 1024 && floor(var.max_message_size_kib) == var.max_message_size_kib
    error_message = "The size must be 1 to 1024 whole KiB."
  }
}

# Access and encryption

variable "event_source_arns" {
  description = "SNS topics, EventBridge rules and S3 buckets that may send to the queue. Services of ours use the producer policy instead."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.event_source_arns) <= 20
    error_message = "At most 20 event sources may be given, so that the queue's policy stays readable."
  }

  validation {
    condition     = alltrue([for arn in var.event_source_arns : can(regex("^arn:aws[a-z-]*:((sns|events):[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_./-]+|s3:::[a-z0-9.-]+)$", arn))])
    error_message = "Each event source must be the ARN of an SNS topic, an EventBridge rule or an S3 bucket."
  }

  validation {
    condition     = var.queue_type != "fifo" || alltrue([for arn in var.event_source_arns : !strcontains(arn, ":s3:::") && (!strcontains(arn, ":sns:") || endswith(arn, ".fifo"))])
    error_message = "A FIFO queue takes messages from FIFO topics and EventBridge rules, not from S3 or standard topics. Set queue_type to standard, or remove these sources."
  }
}

variable "encryption" {
  description = "kms encrypts messages with a key whose use is controlled and logged; sqs encrypts them with keys that SQS manages, at no cost."
  type        = string
  default     = "kms"
  nullable    = false

  validation {
    condition     = contains(["kms", "sqs"], var.encryption)
    error_message = "The encryption must be kms or sqs."
  }
}

variable "kms_key_arn" {
  description = "ARN of an existing KMS key in the queue's region. null makes a key that belongs to this queue alone."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "The key must be the ARN of a KMS key (not of an alias), or null."
  }
}

variable "kms_data_key_reuse_s" {
  description = "How long SQS uses a data key before it asks KMS again, in seconds."
  type        = number
  default     = 300
  nullable    = false

  validation {
    condition     = var.kms_data_key_reuse_s >= 60 && var.kms_data_key_reuse_s <= 86400 && floor(var.kms_data_key_reuse_s) == var.kms_data_key_reuse_s
    error_message = "The time must be 60 to 86400 whole seconds (one day)."
  }
}

# Watching it

variable "alarms_enabled" {
  description = "Makes the alarms and the SNS topic that gets them."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_action_arns" {
  description = "Further targets of the alarms, such as the topic of an on-call service. The queue's own topic always gets them."
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

  validation {
    condition     = length(var.alarm_action_arns) == 0 || var.alarms_enabled
    error_message = "There are no alarms to send to these targets. Set alarms_enabled to true, or remove alarm_action_arns."
  }
}

variable "alarm_oldest_message_age_s" {
  description = "Age of the oldest message above which the alarm goes off, in seconds over 15 minutes: how late work may be done."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.alarm_oldest_message_age_s >= 60 && var.alarm_oldest_message_age_s <= 1209600 && floor(var.alarm_oldest_message_age_s) == var.alarm_oldest_message_age_s
    error_message = "The age must be 60 to 1209600 whole seconds (14 days)."
  }

  validation {
    condition     = var.alarm_oldest_message_age_s < var.message_retention_days * 86400
    error_message = "SQS would delete messages before the alarm goes off. Lower alarm_oldest_message_age_s or raise message_retention_days."
  }
}

variable "alarm_backlog_messages" {
  description = "Number of waiting messages above which the alarm goes off, over 15 minutes."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.alarm_backlog_messages >= 1 && var.alarm_backlog_messages <= 1000000000 && floor(var.alarm_backlog_messages) == var.alarm_backlog_messages
    error_message = "The number must be a whole number from 1."
  }
}

variable "alarm_in_flight_messages" {
  description = "Number of received and not yet deleted messages above which the alarm goes off, over 15 minutes. SQS stops at 120000."
  type        = number
  default     = 100000
  nullable    = false

  validation {
    condition     = var.alarm_in_flight_messages >= 1 && var.alarm_in_flight_messages <= 119999 && floor(var.alarm_in_flight_messages) == var.alarm_in_flight_messages
    error_message = "The number must be a whole number, 1 to 119999."
  }
}

variable "dashboard_enabled" {
  description = "Makes a CloudWatch dashboard with backlog, age, throughput and dead letters."
  type        = bool
  default     = false
  nullable    = false
}
