"""Screens over the panes: a question, a choice, a problem."""
