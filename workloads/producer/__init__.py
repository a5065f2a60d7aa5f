"""The producer: numbered random records at a steady rate, and a log of what became of each."""
