"""Records and populations in, findings and sentences out: shift, transfer, comparison, verdict, health, selection."""
