"""The logic of ML Container Creator: plain Python, importable without Copier."""
