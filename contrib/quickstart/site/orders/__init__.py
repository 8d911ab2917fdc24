"""Orders: a table, a page, a task."""
