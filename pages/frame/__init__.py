"""What every page stands in: header, the blind switch, what is shown when a page fails."""
