"""What is deployed. This package alone reads a stack's configuration."""

from config.edge import TLS_KEY
from config.platform import REGISTRY_PASSWORD, Platform
from config.program import load, secrets
from config.service import Service

__all__ = ["REGISTRY_PASSWORD", "TLS_KEY", "Platform", "Service", "load", "secrets"]
