"""What pages, commands and agents read; always bounded."""
