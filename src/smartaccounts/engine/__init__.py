"""Where SQL runs. Nothing above is imported here."""
