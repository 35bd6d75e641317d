"""Classes for the entries of the files in catalog/, with the same field names."""
