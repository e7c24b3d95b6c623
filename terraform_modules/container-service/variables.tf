# What the service is called

variable "name" {
  description = "Name of the service, unique in its environment. With the environment it makes the AWS identifier."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name))
    error_message = "The name must be lower-case letters, digits and single hyphens, starting with a letter and not ending with a hyphen."
  }

  validation {
    condition     = length(var.name) >= 3 && length(var.name) <= 19
    error_message = "The name must have 3 to 19 characters, because a load balancer takes 32 for name and environment together."
  }

  validation {
    condition     = !startswith(var.name, "internal-")
    error_message = "The name must not start with internal-, which AWS keeps for the host names of load balancers. Choose another one."
  }
}

variable "environment" {
  description = "Slug of the environment the service belongs to, such as production."
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

# Container

variable "image" {
  description = "Container image with tag or digest, such as 123456789012.dkr.ecr.us-east-1.amazonaws.com/orders:1.4.2."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._:/-]*[a-z0-9]((:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})|(@sha256:[0-9a-f]{64}))$", var.image))
    error_message = "The image must name its tag or digest, such as 123456789012.dkr.ecr.us-east-1.amazonaws.com/orders:1.4.2."
  }

  validation {
    condition     = !endswith(var.image, ":latest")
    error_message = "The tag latest says nothing about what runs, and cannot be rolled back. Give a version or a digest."
  }
}

variable "container_port" {
  description = "TCP port on which the container answers HTTP."
  type        = number
  default     = 8080
  nullable    = false

  validation {
    condition     = var.container_port >= 1 && var.container_port <= 65535 && floor(var.container_port) == var.container_port
    error_message = "The port must be a whole number of 1 to 65535."
  }
}

variable "health_check_path" {
  description = "Path that answers 200 to 299 when the container can work."
  type        = string
  default     = "/healthz"
  nullable    = false

  validation {
    condition     = can(regex("^/[A-Za-z0-9._~/?=&%-]*$", var.health_check_path))
    error_message = "The path must begin with a slash, such as /healthz."
  }
}

variable "environment_variables" {
  description = "Environment variables of the container by name. Everybody who may read the task can read them: no secrets."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.environment_variables) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])
    error_message = "Each name must be letters, digits and underscores, such as LOG_LEVEL."
  }
}

variable "secret_arns" {
  description = "Secrets that ECS puts into environment variables: name to ARN of a Secrets Manager secret or SSM parameter."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.secret_arns) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])
    error_message = "Each name must be letters, digits and underscores, such as LOG_LEVEL."
  }

  validation {
    condition     = alltrue([for arn in values(var.secret_arns) : can(regex("^arn:aws[a-z-]*:(secretsmanager|ssm):", arn))])
    error_message = "Each value must be the ARN of a Secrets Manager secret or an SSM parameter, never the secret itself."
  }

  validation {
    condition     = length(setintersection(keys(var.secret_arns), keys(var.environment_variables))) == 0
    error_message = "A name may stand in secret_arns or in environment_variables, not in both: ECS refuses such a task."
  }
}

variable "read_only_root" {
  description = "Makes the root file system of the container read-only."
  type        = bool
  default     = true
  nullable    = false
}

# Size and number

variable "cpu_units" {
  description = "CPU of a task in units of which 1024 are one vCPU."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192], var.cpu_units)
    error_message = "Fargate takes 256, 512, 1024, 2048, 4096 or 8192 CPU units."
  }
}

variable "memory_mib" {
  description = "Memory of a task, in MiB. Fargate takes two to eight times the CPU units."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.memory_mib >= 512 && var.memory_mib <= 61440 && floor(var.memory_mib) == var.memory_mib
    error_message = "The memory must be a whole number of 512 to 61440 MiB."
  }

  validation {
    condition     = var.memory_mib >= 2 * var.cpu_units && var.memory_mib <= 8 * var.cpu_units && (var.memory_mib % 1024 == 0 || var.memory_mib == 512)
    error_message = "Fargate takes memory (memory_mib) of two to eight times the CPU units (cpu_units), in steps of 1024 MiB. Change one of them."
  }
}

variable "cpu_architecture" {
  description = "Processor of the image: ARM64 for Graviton, X86_64 for Intel and AMD."
  type        = string
  default     = "ARM64"
  nullable    = false

  validation {
    condition     = contains(["ARM64", "X86_64"], var.cpu_architecture)
    error_message = "The architecture must be ARM64 or X86_64."
  }
}

variable "min_tasks" {
  description = "Tasks that run at least, and that the service starts with."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.min_tasks >= 1 && var.min_tasks <= 50 && floor(var.min_tasks) == var.min_tasks
    error_message = "The number must be a whole number of 1 to 50."
  }
}

variable "max_tasks" {
  description = "Tasks that run at most. Above min_tasks, the service grows and shrinks with CPU and requests."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.max_tasks >= 1 && var.max_tasks <= 100 && floor(var.max_tasks) == var.max_tasks
    error_message = "The number must be a whole number of 1 to 100."
  }

  validation {
    condition     = var.max_tasks >= var.min_tasks
    error_message = "The largest number (max_tasks) must be at least min_tasks. Raise it, or lower min_tasks."
  }
}

variable "target_cpu_percent" {
  description = "Average CPU that scaling aims at, in percent."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.target_cpu_percent >= 10 && var.target_cpu_percent <= 90
    error_message = "The target must be 10 to 90 percent."
  }
}

variable "target_requests_per_minute" {
  description = "Requests a minute to each task that scaling aims at."
  type        = number
  default     = 1000
  nullable    = false

  validation {
    condition     = var.target_requests_per_minute >= 10 && var.target_requests_per_minute <= 1000000
    error_message = "The target must be 10 to 1000000 requests a minute."
  }
}

variable "spot_percent" {
  description = "Part of the tasks beyond the first that run on Fargate Spot, in percent."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.spot_percent >= 0 && var.spot_percent <= 100 && floor(var.spot_percent) == var.spot_percent
    error_message = "The part must be a whole number of 0 to 100 percent."
  }

  validation {
    condition     = var.spot_percent == 0 || var.environment != "production"
    error_message = "Spot tasks end at two minutes' notice: production takes 0 percent."
  }
}

variable "office_hours_only" {
  description = "Runs the tasks on working days within the office hours only, and none outside."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.office_hours_only || var.environment != "production"
    error_message = "Production runs at all hours: turn office_hours_only off, or order it for another environment."
  }
}

variable "office_start_hour" {
  description = "Hour of the day at which the tasks start, in time_zone."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.office_start_hour >= 0 && var.office_start_hour <= 23 && floor(var.office_start_hour) == var.office_start_hour
    error_message = "The hour must be a whole number of 0 to 23."
  }
}

variable "office_end_hour" {
  description = "Hour of the day at which the tasks stop, in time_zone."
  type        = number
  default     = 19
  nullable    = false

  validation {
    condition     = var.office_end_hour >= 0 && var.office_end_hour <= 23 && floor(var.office_end_hour) == var.office_end_hour
    error_message = "The hour must be a whole number of 0 to 23."
  }

  validation {
    condition     = var.office_end_hour > var.office_start_hour
    error_message = "The office hours must end (office_end_hour) after they start (office_start_hour), on the same day."
  }
}

variable "time_zone" {
  description = "Time zone of the office hours, by its IANA name."
  type        = string
  default     = "Etc/UTC"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Z][A-Za-z_]+/[A-Za-z0-9_+/-]+$", var.time_zone))
    error_message = "The time zone must be an IANA name such as Europe/Berlin, America/New_York or Etc/UTC."
  }
}

variable "health_check_grace_s" {
  description = "How long a new task may take to start before its health counts, in seconds."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.health_check_grace_s >= 0 && var.health_check_grace_s <= 3600 && floor(var.health_check_grace_s) == var.health_check_grace_s
    error_message = "The time must be a whole number of 0 to 3600 seconds."
  }
}

variable "deregistration_delay_s" {
  description = "How long a task that ends may finish its requests, in seconds."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.deregistration_delay_s >= 0 && var.deregistration_delay_s <= 3600 && floor(var.deregistration_delay_s) == var.deregistration_delay_s
    error_message = "The time must be a whole number of 0 to 3600 seconds."
  }
}

# Network

variable "public" {
  description = "Opens the load balancer to the internet on port 443. Otherwise it answers inside the VPC only."
  type        = bool
  default     = false
  nullable    = false
}

variable "zone_name" {
  description = "Public Route 53 zone in which the service gets its name and proves its certificate."
  type        = string
  default     = "apps.example.com"
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.zone_name))
    error_message = "The zone must be a domain name such as apps.example.com."
  }

  validation {
    condition     = var.certificate_arn != null || length("${var.name}-${var.environment}.${var.zone_name}") <= 64
    error_message = "ACM takes at most 64 characters for a certificate's name, here <name>-<environment>.<zone_name>. Shorten the name, choose a shorter zone, or give certificate_arn."
  }
}

variable "certificate_arn" {
  description = "Existing ACM certificate for the load balancer. Null makes one for the service's own name."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/", var.certificate_arn))
    error_message = "The certificate must be the ARN of an ACM certificate, or null."
  }
}

variable "vpc_id" {
  description = "VPC to build in. Null takes the default VPC of the account and region."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_id == null || can(regex("^vpc-[0-9a-z]+$", var.vpc_id))
    error_message = "The VPC must be an id such as vpc-0a1b2c3d4e5f67890, or null for the default VPC."
  }
}

variable "private_subnet_ids" {
  description = "Subnets of the tasks, and of an internal load balancer, in at least two zones. An empty list takes the VPC's subnets with the tag Tier=private."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.private_subnet_ids) <= 20
    error_message = "There must be at most 20 subnets."
  }
}

variable "public_subnet_ids" {
  description = "Subnets of a public load balancer, in at least two zones. An empty list takes the VPC's subnets with the tag Tier=public."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.public_subnet_ids) <= 20
    error_message = "There must be at most 20 subnets."
  }
}

variable "access_log_bucket" {
  description = "Existing S3 bucket that gets a line for each request to the load balancer. Empty writes none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.access_log_bucket == "" || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_log_bucket))
    error_message = "The bucket must be the name of an S3 bucket, or empty."
  }
}

variable "deletion_protection" {
  description = "Keeps the load balancer from being deleted while it is on."
  type        = bool
  default     = true
  nullable    = false
}

# Access and encryption

variable "policy_arns" {
  description = "Policies that the application's role gets, for what it uses."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.policy_arns) <= 8
    error_message = "At most 8 may be given."
  }

  validation {
    condition     = alltrue([for arn in var.policy_arns : can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/", arn))])
    error_message = "Each must be the ARN of an IAM policy."
  }
}

variable "execute_command" {
  description = "Lets people open a shell in a running container by ECS Exec. What they type is logged."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !(var.execute_command && var.read_only_root)
    error_message = "ECS Exec (execute_command) writes into the container and so does not work in a read-only one. Turn read_only_root off, or do without the shell."
  }
}

variable "kms_key_arn" {
  description = "Existing KMS key for logs, sessions and alarms topic. Null makes a key that belongs to this service alone."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-z0-9-]+$", var.kms_key_arn))
    error_message = "The KMS key must be a key ARN such as arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab, or null."
  }
}

# Observability

variable "container_insights" {
  description = "Collects the metrics of each task and container with Container Insights."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_retention_days" {
  description = "How many days the log of the application is kept in CloudWatch Logs."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "CloudWatch Logs takes one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 and 731 days."
  }
}

variable "dashboard_enabled" {
  description = "Makes a CloudWatch dashboard with requests, errors, response time, tasks, CPU and memory."
  type        = bool
  default     = false
  nullable    = false
}

variable "alarm_action_arns" {
  description = "Further targets of the alarms, such as the topic of an on-call service. The service's own topic always gets them."
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

variable "alarm_error_percent" {
  description = "Part of the requests that fail with 5xx above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.alarm_error_percent >= 0 && var.alarm_error_percent <= 100
    error_message = "The threshold must be 0 to 100 percent."
  }
}

variable "alarm_latency_s" {
  description = "Response time of the slowest hundredth above which the alarm goes off, in seconds over 15 minutes."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.alarm_latency_s >= 0.01 && var.alarm_latency_s <= 60
    error_message = "The threshold must be 0.01 to 60 seconds."
  }
}

variable "alarm_cpu_percent" {
  description = "Average CPU above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 85
  nullable    = false

  validation {
    condition     = var.alarm_cpu_percent >= 1 && var.alarm_cpu_percent <= 100
    error_message = "The threshold must be 1 to 100 percent."
  }

  validation {
    condition     = var.alarm_cpu_percent > var.target_cpu_percent
    error_message = "The CPU alarm (alarm_cpu_percent) must be above what scaling aims at (target_cpu_percent), or it never rests. Raise the alarm, or lower the target."
  }
}

variable "alarm_memory_percent" {
  description = "Memory use of a task above which the alarm goes off, in percent over 15 minutes."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.alarm_memory_percent >= 1 && var.alarm_memory_percent <= 100
    error_message = "The threshold must be 1 to 100 percent."
  }
}
