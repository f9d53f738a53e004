"""Everything that scores a snapshot, behind one interface (base.py)."""
