"""One training in several processes, which share each batch."""
