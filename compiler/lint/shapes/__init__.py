"""Rules about architectures, shapes and vocabularies."""
