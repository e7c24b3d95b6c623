variable "password" {
  type      = string
  sensitive = true
}
variable "size" {
  type    = number
  default = 20
}
module "db" {
  source   = "./db"
  password = var.password
  literal  = "CANARY-literal"
  size     = var.size
}
resource "terraform_data" "plain" {
  input            = { name = "orders", size = var.size }
  triggers_replace = [var.size]
}
resource "terraform_data" "each" {
  for_each = toset(["a", "b.c"])
  input    = { key = each.key, secret = sensitive("CANARY-each-${each.key}") }
}
resource "terraform_data" "gone" {
  count = var.size > 30 ? 0 : 1
  input = "x"
}
output "secret" {
  value     = var.password
  sensitive = true
}
output "size" { value = var.size }
