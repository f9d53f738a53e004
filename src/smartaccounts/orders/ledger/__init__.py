"""The ledger: order lines that were read, mapped and checked once, kept as compact typed files."""
