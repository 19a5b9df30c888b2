"""What tests start from: real rows, made by the services of the product."""
