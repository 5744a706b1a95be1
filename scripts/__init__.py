"""Commands that made what the package ships; each can be run again."""
