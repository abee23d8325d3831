"""Where feedback mails are read from, and where feedback is kept."""
