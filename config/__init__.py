"""What is deployed. This package alone reads a stack's configuration."""

from config.platform import Platform
from config.program import load, secrets
from config.service import Service

__all__ = ["Platform", "Service", "load", "secrets"]
