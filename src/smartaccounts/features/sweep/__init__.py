"""Features by one sweep over the lines of each customer, for all as_of dates at once: what the SQL says, compiled."""
