"""The isolation forest, equal to scikit-learn's."""
