"""What operators run besides pulumi."""
