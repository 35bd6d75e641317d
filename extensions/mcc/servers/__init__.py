"""Inference servers: versions, flags, and the models that they can load."""
