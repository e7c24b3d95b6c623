variable "password" {
  type      = string
  sensitive = true
}
variable "literal" {
  type      = string
  sensitive = true
  default   = "CANARY-default"
}
variable "size" { type = number }
resource "terraform_data" "this" {
  count = 1
  input = {
    user     = "app"
    password = var.password
    literal  = var.literal
    nested   = [{ token = "${var.password}-token", port = 5432 }]
  }
}
