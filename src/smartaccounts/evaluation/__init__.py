"""How good a ranked list was: measures, their intervals and their pictures."""
