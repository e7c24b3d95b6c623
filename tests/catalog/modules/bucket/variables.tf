variable "name" {
  description = "Name of the bucket."
  type        = string
  nullable    = false
}

variable "environment" {
  description = "Slug of the environment."
  type        = string
}

variable "storage_class" {
  description = "Where objects go."
  type        = string
  default     = "standard"
  nullable    = false

  validation {
    condition     = contains(["standard", "infrequent", "archive"], var.storage_class)
    error_message = "The storage class must be standard, infrequent or archive."
  }
}

variable "retention_days" {
  type        = number
  description = "Days that objects are kept."
  default     = 30
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 3650 && floor(var.retention_days) == var.retention_days
    error_message = "Retention must be 1 to 3650 whole days."
  }
}

variable "archive_after_days" {
  description = "Days after which objects are archived."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.archive_after_days <= var.retention_days
    error_message = "Objects cannot be archived after they are deleted."
  }
}

variable "versioned" {
  description = "Whether deleted objects can be brought back."
  type        = bool
  default     = false
  nullable    = false
}

variable "public_read" {
  description = "Whether anyone may read."
  type        = bool
  default     = null
}

variable "price_factor" {
  description = "What a byte costs against the list price."
  type        = number
  default     = 0.5
  nullable    = false
}

variable "readers" {
  description = "Who may read."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for reader in var.readers : can(regex("^[a-z]+$", reader))])
    error_message = "Readers are lower-case words."
  }
}

variable "comment" {
  description = "What people should know."
  type        = string
  default     = null

  validation {
    condition     = var.comment == null || length(var.comment) <= 200
    error_message = "At most 200 characters."
  }
}

variable "rules" {
  description = "Days that objects below a prefix are kept."
  type = list(object({
    prefix = string
    days   = optional(number)
  }))
  default  = []
  nullable = false
}

variable "labels" {
  description = "Words to find the bucket by."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "owner_contact" {
  description = "Address of who is asked."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.owner_contact))
    error_message = "The contact must be an e-mail address."
  }
}
