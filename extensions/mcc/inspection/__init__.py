"""The facts in a model's file, folder or archive, for the interview and `make inspect`: nothing is run."""
