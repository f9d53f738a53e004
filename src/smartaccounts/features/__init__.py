"""Features of a customer's order history, one file per family."""
