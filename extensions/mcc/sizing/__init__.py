"""Memory that a model needs, and the instances that hold it."""
