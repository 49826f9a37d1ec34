"""The workbench in the terminal: look through an audit, follow its links, change names and notes, try interventions.

``app`` is the shell, ``panes`` the tabs, ``widgets`` and ``modals`` what they are made of, ``desk`` what is being tried,
``data`` what they ask of the audit. ``data`` runs in threads and is imported there, so the first paint waits for neither pandas nor DuckDB.
"""
