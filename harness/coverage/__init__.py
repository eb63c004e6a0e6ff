"""What goldens exercise, and what they do not."""
