"""Quality control: what a candidate must pass before it becomes a pair."""
