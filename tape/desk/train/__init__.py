"""Features files, and models that are trained on them."""
