"""Static HTML pages: one file each, nothing fetched, readable in light and dark, wide and narrow."""
