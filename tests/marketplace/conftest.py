"""The marketplace stands on points: the same service."""

from tests.points.conftest import deployment, operator

__all__ = ["deployment", "operator"]
