"""Editors: what makes a clean target from a degraded photograph and a prompt."""
