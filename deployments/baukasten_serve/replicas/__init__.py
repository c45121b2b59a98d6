"""What runs in the replicas: one module an application."""
