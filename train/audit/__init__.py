"""Who shows whom: which images are copies of one photograph, which photographs overlap, and what splits cut."""
