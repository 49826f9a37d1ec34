"""recaudit: open a trained recommender, see what it learned, and stop a bad model in CI."""

__version__ = "0.1.0"
