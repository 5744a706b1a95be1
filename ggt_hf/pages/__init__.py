"""Static HTML pages: one file each, nothing fetched, readable in light, dark, wide and narrow."""
