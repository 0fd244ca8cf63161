"""`make demo`: the main job from a sandbox site to searched vectors, in the embedded profile."""
