"""What panes ask of an audit. Runs in threads; reads through ``store`` and hands back plain values."""
