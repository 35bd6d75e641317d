"""The file of a predictive model: its library and version, read without executing it."""
