"""Figures, as ratios measured in one run: `make bench`. Never asserted in tests: machines are noisy."""
