"""The figures for Prometheus: who keeps them, and the route at which they are read."""

from keyturn.metrics.endpoint import metrics_router
from keyturn.metrics.prometheus import PrometheusMeters

__all__ = ["PrometheusMeters", "metrics_router"]
