"""Who: the source's contract, addresses, eligibility, the frozen audience."""
