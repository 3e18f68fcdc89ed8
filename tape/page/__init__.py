"""The page: what a pipeline finds, live in a browser, and what people decide about it."""
