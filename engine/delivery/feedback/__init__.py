"""What comes back for a message: clicks on its links, withdrawals, bounces, complaints. Pure: bytes in, meaning out."""
