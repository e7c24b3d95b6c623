resource "terraform_data" "this" {
  input = { name = var.name, class = var.storage_class }
}
