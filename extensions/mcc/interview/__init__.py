"""The questions: which there are, their defaults, and the rules for answers."""
