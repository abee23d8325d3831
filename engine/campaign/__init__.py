"""What the user wrote: the campaign file, its diagnostics and its fingerprint."""
