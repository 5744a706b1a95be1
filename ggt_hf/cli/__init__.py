"""The command ``ggt``: one thin module a verb."""
