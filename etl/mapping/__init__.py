"""What people set up about the meaning of what was loaded: saving it, and applying it to what is stored already."""
