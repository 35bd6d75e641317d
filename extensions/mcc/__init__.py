"""What ML Container Creator knows and computes: plain Python, importable without Copier."""
