"""Programs that write parts of the documentation; tests check that what they write is what is there."""
