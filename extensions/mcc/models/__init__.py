"""A language model: its architecture, from its own files, the Hugging Face Hub or the catalog."""
