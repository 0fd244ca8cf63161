"""What runs have been doing: log, times, figures, when they will be over, and how long all that is kept."""
