"""What an upgrade changes: two sides' goldens, and their differences grouped by cause."""
