"""What the entries of the files in catalog/ hold; the names of the fields are those of the files."""
