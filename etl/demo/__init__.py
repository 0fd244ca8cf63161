"""`make demo`: the main job from two sandbox sites to searched vectors, in the embedded profile."""
