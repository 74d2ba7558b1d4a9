"""This program beside Docker Compose, measured in one run on one host."""
