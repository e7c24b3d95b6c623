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
  type     = number
  default  = 30
  nullable = false

  validation {
    condition     = var.archive_after_days <= var.retention_days
    error_message = "Objects cannot be archived after they are deleted."
  }
}

variable "versioned" {
  type     = bool
  default  = false
  nullable = false
}

variable "public_read" {
  type    = bool
  default = null
}

variable "price_factor" {
  type     = number
  default  = 0.5
  nullable = false
}

variable "readers" {
  type     = list(string)
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for reader in var.readers : can(regex("^[a-z]+$", reader))])
    error_message = "Readers are lower-case words."
  }
}

variable "comment" {
  type    = string
  default = null

  validation {
    condition     = var.comment == null || length(var.comment) <= 200
    error_message = "At most 200 characters."
  }
}

variable "rules" {
  type = list(object({
    prefix = string
    days   = optional(number)
  }))
  default  = []
  nullable = false
}

variable "labels" {
  type     = map(string)
  default  = {}
  nullable = false
}

variable "owner_contact" {
  type     = string
  nullable = false

  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.owner_contact))
    error_message = "The contact must be an e-mail address."
  }
}
