"""One file per audit question: an open audit in, metrics and findings out."""
