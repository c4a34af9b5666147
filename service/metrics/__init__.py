"""What operators see in Prometheus."""
