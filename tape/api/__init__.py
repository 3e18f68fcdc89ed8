"""The Python library: what `import tape` offers. See docs/library.md."""
