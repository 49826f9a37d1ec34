"""What panes are built from: a paged list, a page of tables with links, drawings."""
