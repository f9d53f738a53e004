"""From scores to a ranked list with reasons."""
