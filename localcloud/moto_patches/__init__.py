"""What services of moto's own lack for the product."""
