"""Facts of catalog/: read, checked and typed."""
