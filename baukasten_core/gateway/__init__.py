"""What every call to a language model passes through: choice, residency, fallback, usage."""

from baukasten_core.gateway.gateway import Gateway
from baukasten_core.gateway.instances import Instance, build_instances

__all__ = ["Gateway", "Instance", "build_instances"]
